// The arrows between the TypeScript rooms: commands → src → engine, and which room may use which
// package. `npm run check` fails on a wrong one; docs/architecture.md says why they are as they are.
//
// test/repository/layers.test.ts plants one wrong arrow for every rule named here and expects the rule
// to catch it, so a rule that matches nothing any more fails too.

const forbid = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });

/** Files directly in src/: errors, limits, units, log, tables, progress, package. */
const LEAVES = '^src/[^/]+[.]ts$';

module.exports = {
  forbidden: [
    forbid('no-cycles', 'A cycle has no bottom to start reading from.', {}, { circular: true }),
    forbid('no-unresolved', 'An import that leads nowhere.', {}, { couldNotResolve: true }),
    forbid(
      'no-dev-dependencies',
      'What users run may not need what only developers install; bin/dev.js is for developers.',
      { path: '^(bin/run|commands|cli|src)' },
      { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    ),
    forbid(
      'no-tests-in-the-product',
      'Product code knows nothing of tests, fixtures or scripts.',
      { path: '^(bin|commands|cli|src)/' },
      { path: '^(test|fixtures|scripts)/' },
    ),
    forbid(
      'src-below-commands',
      'src is a library: commands use it, never the other way.',
      { path: '^src/' },
      { path: '^(commands|cli|bin)/' },
    ),
    forbid(
      'oclif-only-in-commands',
      'Flags in, one service call, result out: only there is oclif.',
      { path: '^src/' },
      { path: 'node_modules/@oclif/' },
    ),
    forbid(
      'grpc-only-in-rpc',
      'src/rpc translates the wire to our types; nobody else sees gRPC.',
      { path: '^(bin|commands|cli|src)/', pathNot: '^src/rpc/' },
      { path: 'node_modules/(@grpc|grpc-health-check)/' },
    ),
    forbid(
      'addon-only-in-engine',
      "The addon's own shape stays in src/engine; others use the handles over it.",
      { path: '^(bin|commands|cli|src)/', pathNot: '^src/engine/' },
      { path: '^src/engine/binding' },
    ),
    forbid(
      'leaves-know-no-room',
      'Errors, limits, units and logging are used by all rooms and use none.',
      { path: LEAVES },
      { path: '^src/[^/]+/' },
    ),
    forbid(
      'engine-at-the-bottom',
      'src/engine is typed handles over native code and nothing else.',
      { path: '^src/engine/' },
      { path: '^src/[^/]+/', pathNot: '^src/engine/' },
    ),
    forbid(
      'rpc-carries-only',
      'The wire knows neither who serves it nor what it is used for.',
      { path: '^src/rpc/' },
      { path: '^src/[^/]+/', pathNot: '^src/rpc/' },
    ),
    forbid(
      'clients-through-rpc',
      'Reference worker, bench, connector, doctor and inspect reach a server as any client does.',
      { path: '^src/(reference|bench|connector|doctor|inspect)/' },
      { path: '^src/server/' },
    ),
    forbid(
      'server-without-clients',
      'The server knows none of its clients.',
      { path: '^src/server/' },
      { path: '^src/(reference|bench|connector|doctor|inspect|vllm)/' },
    ),
    forbid(
      'vllm-runs-vllm',
      'Who measures a vLLM or serves it is above the room that starts it.',
      { path: '^src/vllm/' },
      { path: '^src/(server|engine|reference|bench|connector|doctor|inspect)/' },
    ),
    forbid(
      'only-commands-connect',
      'What installs and examines the connector is used by its commands alone.',
      { path: '^src/', pathNot: '^src/connector/' },
      { path: '^src/connector/' },
    ),
    forbid(
      'only-its-command-examines',
      'What looks at a host is used by its command alone.',
      { path: '^src/', pathNot: '^src/doctor/' },
      { path: '^src/doctor/' },
    ),
    forbid(
      'findings-know-no-room',
      'What a check found is words, whoever checked.',
      { path: '^src/findings/' },
      { path: '^src/[^/]+/', pathNot: '^src/findings/' },
    ),
    forbid(
      'host-knows-no-room',
      'What this machine has is read from its files, whoever asks.',
      { path: '^src/host/' },
      { path: '^src/[^/]+/', pathNot: '^src/host/' },
    ),
    forbid(
      'views-own-no-memory',
      'inspect and connector show what is answered; they map and pin nothing.',
      { path: '^src/(inspect|connector)/' },
      { path: '^src/(engine|reference)/' },
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|build|coverage)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      mainFields: ['module', 'main', 'types'],
    },
  },
};

// Whether the connector that an interpreter has can be used: python/tools/check_connector.py tries it.
import { z } from 'zod';
import { PegaError } from '../errors.js';
import { type Finding, note, ok, problem } from '../findings/finding.js';
import { PACKAGE_VERSION } from '../package.js';
import { askScript } from './ask-python.js';
import type { InterpreterFacts } from './interpreter-facts.js';
import { pipCommand } from './pip-command.js';
import { shellWord } from './shell-word.js';

/** The name of our distribution; the import name is pegaflow. */
export const DISTRIBUTION = 'pega-connector';

const outcome = z.union([z.object({ found: z.string() }), z.object({ error: z.string() })]);
const shape = z.object({
  pegaflow: outcome,
  grpc: outcome,
  protobuf: outcome,
  library: outcome,
  /** Only where vLLM is there. */
  connector: outcome.optional(),
});

type Outcomes = z.infer<typeof shape>;

export async function connectorFindings(
  facts: InterpreterFacts,
  signal: AbortSignal,
): Promise<Finding[]> {
  const install = installCommand(facts.executable);
  if (facts.pegaflow_at === null) {
    return [problem('connector', 'not installed', install)];
  }
  const foreign = foreignFinding(facts);
  if (foreign !== undefined) {
    return [foreign];
  }
  let outcomes: Outcomes;
  try {
    outcomes = await askScript(facts.executable, 'check_connector.py', shape, signal);
  } catch (thrown) {
    if (!(thrown instanceof PegaError) || thrown.code !== 'PEGA_CHECK_FAILED') {
      throw thrown;
    }
    return [problem('connector', thrown.message, install)];
  }
  return [versionFinding(outcomes, facts, install), ...importFindings(outcomes, facts, install)];
}

export function installCommand(python: string): string {
  return `pega connector install --python ${shellWord(python)}`;
}

/** Whoever else brought the import name: upstream's pegaflow-llm, or a folder that nothing installed. */
export function foreignFinding(facts: InterpreterFacts): Finding | undefined {
  const other = facts.owners.pegaflow.find(({ name }) => name.toLowerCase() !== DISTRIBUTION);
  return other === undefined
    ? undefined
    : problem(
        'connector',
        `${other.name} ${other.version} brings a package named pegaflow too`,
        `remove it first: ${pipCommand(facts, 'uninstall', other.name)}`,
      );
}

function versionFinding(outcomes: Outcomes, facts: InterpreterFacts, install: string): Finding {
  if ('error' in outcomes.pegaflow) {
    return problem('connector', outcomes.pegaflow.error, install);
  }
  const found = `${outcomes.pegaflow.found} (${facts.pegaflow_at ?? 'unknown place'})`;
  return outcomes.pegaflow.found === PACKAGE_VERSION
    ? ok('connector', found)
    : note('connector', found, `this pega is ${PACKAGE_VERSION}: ${install}`);
}

function importFindings(outcomes: Outcomes, facts: InterpreterFacts, install: string): Finding[] {
  const { grpc, protobuf, library, connector } = outcomes;
  return [
    ...brokenImport('import grpc', grpc, pipCommand(facts, 'install', 'grpcio')),
    ...brokenImport('import protobuf', protobuf, pipCommand(facts, 'install', 'protobuf')),
    'error' in library
      ? problem('libpega.so', library.error, install)
      : ok('libpega.so', library.found),
    ...(connector === undefined
      ? []
      : [
          'error' in connector
            ? problem('import', connector.error, `${install}, or mend what this vLLM lacks`)
            : ok('import', connector.found),
        ]),
  ];
}

/** Its version has a row already; here only what does not work counts. */
function brokenImport(check: string, result: z.infer<typeof outcome>, advice: string): Finding[] {
  return 'error' in result && !result.error.startsWith('ModuleNotFoundError')
    ? [problem(check, result.error, advice)]
    : [];
}

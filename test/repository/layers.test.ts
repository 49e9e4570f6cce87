// The arrows between the TypeScript rooms: every rule catches its own wrong arrow and finds something
// to guard in the repository, and the repository has no wrong arrow.
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { ROOT } from './tree.js';

interface Report {
  modules: { source: string }[];
  summary: { violations: { rule: { name: string }; from: string; to: string }[] };
}

interface Rule {
  name: string;
  from: { path?: string; pathNot?: string };
}

const require = createRequire(import.meta.url);
const rules = (require(join(ROOT, '.dependency-cruiser.cjs')) as { forbidden: Rule[] }).forbidden;
const COPIED = [
  'package.json',
  'tsconfig.json',
  '.dependency-cruiser.cjs',
  'bin',
  'commands',
  'cli',
  'src',
];
const CRUISED = ['bin', 'commands', 'cli', 'src'];

/** Rule → the file that breaks it → what that file says. */
const PLANTS: Record<string, { file: string; text: string }> = {
  'no-cycles': { file: 'src/bench/planted-cycle.ts', text: "import './planted-cycle-back.js';" },
  'no-unresolved': { file: 'src/bench/planted-unresolved.ts', text: "import './nowhere.js';" },
  'no-dev-dependencies': { file: 'src/bench/planted-dev.ts', text: "import 'vitest';" },
  'no-tests-in-the-product': {
    file: 'src/bench/planted-test.ts',
    text: "import '../../test/planted.js';",
  },
  'src-below-commands': {
    file: 'src/bench/planted-command.ts',
    text: "import '../../commands/planted.js';",
  },
  'oclif-only-in-commands': {
    file: 'src/bench/planted-oclif.ts',
    text: "import '@oclif/core';",
  },
  'grpc-only-in-rpc': { file: 'src/bench/planted-grpc.ts', text: "import '@grpc/grpc-js';" },
  'addon-only-in-engine': {
    file: 'src/server/planted-addon.ts',
    text: "import type { NativePool } from '../engine/binding-types.js'; export type X = NativePool;",
  },
  'leaves-know-no-room': {
    file: 'src/planted-leaf.ts',
    text: "import './bench/planted-target.js';",
  },
  'engine-at-the-bottom': {
    file: 'src/engine/planted-up.ts',
    text: "import '../bench/planted-target.js';",
  },
  'rpc-carries-only': {
    file: 'src/rpc/planted-up.ts',
    text: "import '../bench/planted-target.js';",
  },
  'clients-through-rpc': {
    file: 'src/bench/planted-server.ts',
    text: "import '../server/planted-target.js';",
  },
  'server-without-clients': {
    file: 'src/server/planted-client.ts',
    text: "import '../bench/planted-target.js';",
  },
  'vllm-runs-vllm': {
    file: 'src/vllm/planted-up.ts',
    text: "import '../bench/planted-target.js';",
  },
  'only-commands-connect': {
    file: 'src/bench/planted-connector.ts',
    text: "import '../connector/planted-target.js';",
  },
  'only-its-command-examines': {
    file: 'src/bench/planted-doctor.ts',
    text: "import '../doctor/planted-target.js';",
  },
  'findings-know-no-room': {
    file: 'src/findings/planted-up.ts',
    text: "import '../bench/planted-target.js';",
  },
  'host-knows-no-room': {
    file: 'src/host/planted-up.ts',
    text: "import '../bench/planted-target.js';",
  },
  'views-own-no-memory': {
    file: 'src/inspect/planted-engine.ts',
    text: "import '../engine/planted-target.js';",
  },
};

const TARGETS: Record<string, string> = {
  'src/bench/planted-cycle-back.ts': "import './planted-cycle.js';",
  'src/bench/planted-target.ts': 'export {};',
  'src/server/planted-target.ts': 'export {};',
  'src/engine/planted-target.ts': 'export {};',
  'src/connector/planted-target.ts': 'export {};',
  'src/doctor/planted-target.ts': 'export {};',
  'commands/planted.ts': 'export {};',
  'test/planted.ts': 'export {};',
};

let copy = '';
let planted: Report;
let repository: Report;

beforeAll(async () => {
  copy = await mkdtemp(join(tmpdir(), 'pega-layers-'));
  for (const name of COPIED) {
    await cp(join(ROOT, name), join(copy, name), { recursive: true });
  }
  await symlink(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  for (const [file, text] of Object.entries(TARGETS)) {
    await write(file, text);
  }
  for (const { file, text } of Object.values(PLANTS)) {
    await write(file, text);
  }
  repository = await cruise(ROOT);
  planted = await cruise(copy);
});

afterAll(async () => {
  await rm(copy, { recursive: true, force: true });
});

async function write(file: string, text: string): Promise<void> {
  const path = join(copy, file);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `${text}\n`);
}

async function cruise(folder: string): Promise<Report> {
  const cruiser = join(ROOT, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [cruiser, '--config', '.dependency-cruiser.cjs', '--output-type', 'json', ...CRUISED],
    { cwd: folder, maxBuffer: 64 * 1024 * 1024 },
  );
  return JSON.parse(stdout) as Report;
}

test('the repository has no wrong arrow', () => {
  expect(repository.summary.violations).toEqual([]);
});

test('every rule has a planted arrow', () => {
  expect(rules.map((rule) => rule.name).sort()).toEqual(Object.keys(PLANTS).sort());
});

test.each(rules.map((rule) => rule.name))('%s catches its planted arrow', (name) => {
  const caught = planted.summary.violations.filter((violation) => violation.rule.name === name);
  // A cycle is reported from either of its ends.
  expect(caught.flatMap(({ from, to }) => [from, to])).toContain(PLANTS[name]?.file);
});

test.each(rules)('$name guards files that exist', ({ from }) => {
  const guarded = repository.modules.filter(
    ({ source }) =>
      new RegExp(from.path ?? '').test(source) &&
      !(from.pathNot !== undefined && new RegExp(from.pathNot).test(source)),
  );
  expect(guarded.length).toBeGreaterThan(0);
});

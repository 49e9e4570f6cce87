// scripts/test.mjs as a process, with stand-ins for what it starts: its last line, its exit code, and
// that no failure of any step gets lost.
import { chmod, copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { ROOT } from './tree.js';

const EXIT_BY = (variable: string): string =>
  `process.exit(Number(process.env.${variable} ?? 0));\n`;

/** Writes the report that its last argument names, with NATIVE_FAILED of five tests failed. */
const CTEST = `#!/bin/sh
for path in "$@"; do :; done
[ -n "$NATIVE_SILENT" ] && exit 0
echo '<testsuite tests="5" failures="'\${NATIVE_FAILED:-0}'" disabled="0" skipped="0"></testsuite>' > "$path"
exit \${NATIVE_EXIT:-0}
`;

const VITEST = `
import { writeFileSync } from 'node:fs';
const path = process.argv.at(-1).replace('--outputFile.json=', '');
const tests = process.env.VITEST_EMPTY ? [] : [{ fullName: 'a', status: 'passed' }];
writeFileSync(path, JSON.stringify({ testResults: [{ status: 'passed', assertionResults: tests }] }));
process.exit(Number(process.env.VITEST_EXIT ?? 0));
`;

let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pega-test-command-'));
  const write = async (path: string, text: string): Promise<void> => {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  };
  await write('scripts/setup.mjs', EXIT_BY('SETUP_EXIT'));
  await write('scripts/build-native.mjs', EXIT_BY('NATIVE_BUILD_EXIT'));
  await write('scripts/step.mjs', 'process.exit(Number(process.env[process.argv[2]] ?? 0));\n');
  await write(
    'package.json',
    JSON.stringify({
      type: 'module',
      scripts: {
        build: 'node scripts/step.mjs BUILD_EXIT',
        check: 'node scripts/step.mjs CHECK_EXIT',
      },
    }),
  );
  await write('node_modules/vitest/vitest.mjs', VITEST);
  await write('bin/ctest', CTEST);
  await chmod(join(folder, 'bin/ctest'), 0o755);
  for (const name of ['test.mjs', 'test-counts.mjs']) {
    await copyFile(join(ROOT, 'scripts', name), join(folder, 'scripts', name));
  }
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

test.each([
  ['all is well', {}, '11 passed, 0 failed', 0],
  ['the set-up fails', { SETUP_EXIT: '1' }, '0 passed, 1 failed', 1],
  ['the build fails, so vitest cannot run', { BUILD_EXIT: '2' }, '10 passed, 1 failed', 1],
  ['the check fails', { CHECK_EXIT: '1' }, '11 passed, 1 failed', 1],
  ['the native tests do not build', { NATIVE_BUILD_EXIT: '1' }, '1 passed, 2 failed', 1],
  ['native tests fail', { NATIVE_FAILED: '2', NATIVE_EXIT: '8' }, '7 passed, 4 failed', 1],
  ['ctest leaves no report', { NATIVE_SILENT: '1' }, '1 passed, 2 failed', 1],
  ['ctest fails without a failed test', { NATIVE_EXIT: '8' }, '11 passed, 2 failed', 1],
  ['vitest finds no test', { VITEST_EMPTY: '1' }, '10 passed, 1 failed', 1],
  ['vitest fails without a failed test', { VITEST_EXIT: '1' }, '11 passed, 1 failed', 1],
])('%s', async (_, env, lastLine, exitCode) => {
  const result = await execa(process.execPath, ['scripts/test.mjs'], {
    cwd: folder,
    env: { ...env, PATH: `${join(folder, 'bin')}:${process.env.PATH ?? ''}` },
    reject: false,
    all: true,
  });
  expect(result.all.trimEnd().split('\n').at(-1)).toBe(lastLine);
  expect(result.exitCode).toBe(exitCode);
});

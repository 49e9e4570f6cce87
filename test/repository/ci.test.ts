// .ci/run as a process, with a stand-in for npm: it sums the counts of all steps, and no failure gets lost.
import { chmod, copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { ROOT } from './tree.js';

/** Says and exits as told by the variables of its step: TEST, CHECK_KERNELS, TEST_PYTHON, TEST_VLLM. */
const NPM = `#!/usr/bin/env bash
name=$(echo "\${@: -1}" | tr a-z: A-Z_)
echo noise; echo complaint >&2
said="SAID_$name" code="CODE_$name"
printf '%b' "\${!said-\\n5 passed, 0 failed\\n}"
exit "\${!code-0}"
`;

let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pega-ci-'));
  await mkdir(join(folder, '.ci'));
  await mkdir(join(folder, 'bin'));
  await copyFile(join(ROOT, '.ci/run'), join(folder, '.ci/run'));
  // A test installs nothing, whatever the machine lacks.
  for (const [name, text] of Object.entries({ npm: NPM, 'apt-get': '#!/bin/sh\n' })) {
    await writeFile(join(folder, 'bin', name), text);
    await chmod(join(folder, 'bin', name), 0o755);
  }
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

test.each([
  ['all is well', {}, '20 passed, 0 failed', 0],
  ['tests fail', { SAID_TEST: '3 passed, 2 failed\n', CODE_TEST: '1' }, '18 passed, 2 failed', 1],
  ['a step says nothing', { SAID_TEST_VLLM: '' }, '15 passed, 1 failed', 1],
  [
    'the kernels do not match',
    { SAID_CHECK_KERNELS: '15 passed, 1 failed\n' },
    '30 passed, 1 failed',
    1,
  ],
  ['a step dies', { SAID_TEST_PYTHON: '', CODE_TEST_PYTHON: '137' }, '15 passed, 1 failed', 1],
  ['counts are not last', { SAID_TEST: '1 passed, 0 failed\nabc\n' }, '15 passed, 1 failed', 1],
  ['a bad exit that no count explains', { CODE_TEST_VLLM: '7' }, '20 passed, 1 failed', 1],
])('%s', async (_, env, lastLine, exitCode) => {
  const result = await execa(join(folder, '.ci/run'), {
    env: { ...env, PATH: `${join(folder, 'bin')}:${process.env.PATH ?? ''}` },
    reject: false,
  });
  expect(result.stdout.trimEnd().split('\n').at(-1)).toBe(lastLine);
  expect(result.exitCode).toBe(exitCode);
});

// scripts/test-python.mjs as a process, with a stand-in for Python: its last line, its exit code, the
// environment that it keeps, and that no failure gets lost.
import {
  chmod,
  copyFile,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { ROOT } from './tree.js';

/** Five tests of which PYTEST_FAILED failed; what it was asked goes into $LOG. */
const PYTHON = `#!/bin/sh
echo "$*" >> "$LOG"
for last in "$@"; do :; done
case "$*" in
  *sys.executable*) echo "\${VERSION:-3.11.9}"; echo "$0" ;;
  *"-m venv"*) mkdir -p "$last/bin" && cp "$0" "$last/bin/python" && cp "$RUFF" "$last/bin/ruff" ;;
  *"-m pip"*) exit \${PIP_EXIT:-0} ;;
  *"-m mypy"*) exit \${MYPY_EXIT:-0} ;;
  *"-m pytest"*)
    [ -n "$PYTEST_SILENT" ] && exit 0
    for one in "$@"; do case "$one" in --junit-xml=*) report="\${one#*=}" ;; esac; done
    echo '<testsuite tests="5" failures="'\${PYTEST_FAILED:-0}'" errors="0" skipped="0"></testsuite>' > "$report"
    exit \${PYTEST_EXIT:-0} ;;
esac
`;
const RUFF = `#!/bin/sh
[ "$1" = check ] && exit \${RUFF_EXIT:-0}
exit \${FORMAT_EXIT:-0}
`;

let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pega-test-python-'));
  const program = async (path: string, text: string): Promise<void> => {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
    await chmod(join(folder, path), 0o755);
  };
  await program('bin/python3.11', PYTHON);
  await program('ruff', RUFF);
  // What the stand-in needs, and nothing of this machine's Python.
  for (const name of ['cp', 'mkdir']) {
    await symlink(join('/bin', name), join(folder, 'bin', name));
  }
  await mkdir(join(folder, 'clone/scripts'), { recursive: true });
  for (const name of ['test-python.mjs', 'python-tools.mjs', 'test-counts.mjs']) {
    await copyFile(join(ROOT, 'scripts', name), join(folder, 'clone/scripts', name));
  }
  await cp(
    join(ROOT, 'test/python/requirements.txt'),
    join(folder, 'clone/test/python/requirements.txt'),
  );
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

function run(env: Record<string, string> = {}) {
  return execa(process.execPath, ['scripts/test-python.mjs'], {
    cwd: join(folder, 'clone'),
    env: {
      PATH: join(folder, 'bin'),
      PYENV_ROOT: '/nonexistent',
      XDG_CACHE_HOME: join(folder, 'cache'),
      LOG: join(folder, 'log'),
      RUFF: join(folder, 'ruff'),
      ...env,
    },
    reject: false,
    all: true,
  });
}

test.each([
  ['all is well', {}, '5 passed, 0 failed', 0],
  ['ruff finds something', { RUFF_EXIT: '1' }, '5 passed, 1 failed', 1],
  ['a file is not formatted', { FORMAT_EXIT: '1' }, '5 passed, 1 failed', 1],
  ['types do not fit', { MYPY_EXIT: '1' }, '5 passed, 1 failed', 1],
  ['tests fail', { PYTEST_FAILED: '2', PYTEST_EXIT: '1' }, '3 passed, 2 failed', 1],
  ['pytest fails without a failed test', { PYTEST_EXIT: '4' }, '5 passed, 1 failed', 1],
  ['pytest leaves no report', { PYTEST_SILENT: '1' }, '0 passed, 1 failed', 1],
  ['the tools cannot be installed', { PIP_EXIT: '1' }, '0 passed, 1 failed', 1],
  ['there is no Python 3.11', { VERSION: '3.10.2' }, '0 passed, 1 failed', 1],
])('%s', async (_, env, lastLine, exitCode) => {
  const result = await run(env);
  expect(result.all.trimEnd().split('\n').at(-1)).toBe(lastLine);
  expect(result.exitCode).toBe(exitCode);
});

test('the tools are installed once, and on each version that is found', async () => {
  const first = await run();
  expect(first.stdout).toContain(`Python 3.11.9: ${join(folder, 'bin/python3.11')}`);
  expect(first.stdout).toContain('Python 3.12: not found, nothing is tested on it');
  const again = await run({ PIP_EXIT: '1' });
  expect(again.exitCode).toBe(0);
  await copyFile(join(folder, 'bin/python3.11'), join(folder, 'bin/python3.12'));
  await writeFile(
    join(folder, 'bin/python3.12'),
    PYTHON.replace('VERSION:-3.11.9', 'VERSION:-3.12.1'),
  );
  const both = await run();
  expect(both.stdout.trimEnd().split('\n').at(-1)).toBe('10 passed, 0 failed');
  expect(await readdir(join(folder, 'cache/pega'))).toHaveLength(2);
});

test('a set-up that was cut short is made again', async () => {
  await run({ PIP_EXIT: '1' });
  expect((await run()).exitCode).toBe(0);
});

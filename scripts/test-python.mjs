// `npm run test:python`: lints, types and tests the Python package; ends with `N passed, N failed`.
//
// Tools are pinned in test/python/requirements.txt and kept outside the clone, one environment for each
// version of Python and of that file. Checks run on Python 3.11, tests there and on 3.12 where one is
// found. Tests that need a vLLM (test/python/with_vllm) are `npm run test:vllm`'s. A check counts
// only when it fails. Uses Node's own modules alone; needs what `npm run build` makes.
import { spawn } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { findPython, prepareTools } from './python-tools.mjs';
import { parsePytest, readCounts } from './test-counts.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const REPORTS = join(ROOT, 'build/reports');
const CODE = ['python', 'test/python'];
const CONFIG = 'python/pyproject.toml';
const VERSIONS = [
  { version: '3.11', required: true },
  { version: '3.12', required: false },
];

let running = null;
let interrupted = false;
const total = { passed: 0, failed: 0 };

/** Runs a program with this terminal; true when it exited with 0. */
function run(command, args, env = {}) {
  process.stdout.write(`\n$ ${[command, ...args].join(' ')}\n`);
  return new Promise((resolve) => {
    running = spawn(command, args, {
      cwd: ROOT,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, ...env },
    });
    running.on('error', (error) => {
      process.stderr.write(`${command}: ${error.message}\n`);
      resolve(false);
    });
    running.on('close', (code) => resolve(code === 0));
  });
}

function count(name, { passed, failed, notes = [] }) {
  total.passed += passed;
  total.failed += failed;
  for (const note of notes) {
    process.stdout.write(`${name}: ${note}\n`);
  }
}

async function check(name, command, args) {
  if (!interrupted && !(await run(command, args))) {
    count(name, { passed: 0, failed: 1, notes: ['failed, see above'] });
  }
}

async function checks(tools) {
  const cache = (name) => join(tools.folder, name);
  const ruff = join(tools.folder, 'bin/ruff');
  await check('ruff', ruff, ['check', '--cache-dir', cache('.ruff'), ...CODE]);
  await check('format', ruff, ['format', '--check', '--cache-dir', cache('.ruff'), ...CODE]);
  const types = ['--config-file', CONFIG, '--cache-dir', cache('.mypy')];
  await check('types', tools.python, ['-m', 'mypy', ...types, ...CODE]);
}

async function tests(tools, version) {
  if (interrupted) {
    return;
  }
  const report = join(REPORTS, `pytest-${version}.xml`);
  rmSync(report, { force: true });
  const args = ['-m', 'pytest', '-q', '-p', 'no:cacheprovider', '--ignore=test/python/with_vllm'];
  const ok = await run(
    tools.python,
    ['-X', 'dev', ...args, `--junit-xml=${report}`, 'test/python'],
    { PYTHONDONTWRITEBYTECODE: '1', PEGA_SOCKET: '', PEGA_ADDR: '' },
  );
  const counts = readCounts(report, parsePytest);
  if (!ok && counts.failed === 0) {
    counts.failed = 1;
    counts.notes.push('the runner failed, see above');
  }
  count(`pytest on ${version}`, counts);
}

async function main() {
  mkdirSync(REPORTS, { recursive: true });
  for (const { version, required } of VERSIONS) {
    const found = findPython(version);
    if (found === undefined) {
      if (required) {
        const notes = [`Python ${version} is required for the checks and was not found`];
        count('set-up', { passed: 0, failed: 1, notes });
      } else {
        process.stdout.write(`Python ${version}: not found, nothing is tested on it\n`);
      }
      continue;
    }
    process.stdout.write(`Python ${found.version}: ${found.path}\n`);
    const tools = await prepareTools(found, run);
    if (tools === undefined) {
      count(`set-up for ${version}`, { passed: 0, failed: 1, notes: ['failed, see above'] });
      continue;
    }
    if (version === VERSIONS[0].version) {
      await checks(tools);
    }
    await tests(tools, version);
  }
  const failed = total.failed + (interrupted ? 1 : 0);
  process.stdout.write(`\n${total.passed} passed, ${failed} failed\n`);
  process.exitCode = interrupted ? 130 : failed === 0 ? 0 : 1;
}

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    interrupted = true;
    running?.kill(signal);
  });
}

await main();

// `npm run test:vllm`: the connector in a real vLLM on the CPU; ends with `N passed, N failed`.
//
// node scripts/test-vllm.mjs [VERSION...] [-- VITEST-ARGUMENTS]: with other vLLMs than the usual one, or
// with some tests of it. Makes the vLLM's environment once (scripts/vllm-environment.mjs). Counts from the
// reports of vitest (test/with-vllm) and of pytest (test/python/with_vllm, in vLLM's own interpreter).
// Uses Node's own modules alone; needs what `npm run build` makes.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { parsePytest, parseVitest, readCounts } from './test-counts.mjs';
import { DEFAULT_VERSION, prepareVllm } from './vllm-environment.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const REPORTS = join(ROOT, 'build/reports');
const PYTHON_TESTS = 'test/python/with_vllm';

const stop = new AbortController();
let running = null;
const total = { passed: 0, failed: 0 };

function count(name, { passed, failed, notes = [] }) {
  total.passed += passed;
  total.failed += failed;
  for (const note of notes) {
    process.stdout.write(`${name}: ${note}\n`);
  }
}

/** Runs a test program with this terminal and counts from its report. */
async function counted(name, report, parse, command, args, env) {
  if (stop.signal.aborted) {
    return;
  }
  process.stdout.write(`\n=== ${name} ===\n`);
  rmSync(report, { force: true });
  const ok = await new Promise((resolve) => {
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
  const counts = readCounts(report, parse);
  if (!ok && counts.failed === 0) {
    counts.failed = 1;
    counts.notes.push('the runner failed, see above');
  }
  count(name, counts);
}

async function testVersion(version, vitestArguments) {
  let python;
  try {
    python = await prepareVllm(version, stop.signal);
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    count(`vLLM ${version}`, { passed: 0, failed: 1, notes: ['its environment was not made'] });
    return;
  }
  const vitest = join(REPORTS, `vllm-${version}.json`);
  await counted(
    `vitest with vLLM ${version}`,
    vitest,
    parseVitest,
    process.execPath,
    [
      ...['node_modules/vitest/vitest.mjs', 'run', '--config', 'vitest.vllm.config.ts'],
      ...['--reporter=default', '--reporter=json', `--outputFile.json=${vitest}`],
      ...vitestArguments,
    ],
    { PEGA_VLLM_PYTHON: python },
  );
  if (vitestArguments.length === 0 && existsSync(join(ROOT, PYTHON_TESTS))) {
    const pytest = join(REPORTS, `pytest-vllm-${version}.xml`);
    await counted(
      `pytest with vLLM ${version}`,
      pytest,
      parsePytest,
      python,
      [
        ...['-m', 'pytest', '-q', '-p', 'no:cacheprovider', '-c', `${PYTHON_TESTS}/pytest.ini`],
        // The fixtures of test/python are theirs too.
        ...['--confcutdir=test/python', `--junit-xml=${pytest}`, PYTHON_TESTS],
      ],
      { PYTHONDONTWRITEBYTECODE: '1', PEGA_SOCKET: '', PEGA_ADDR: '' },
    );
  }
}

async function main() {
  mkdirSync(REPORTS, { recursive: true });
  const given = process.argv.slice(2);
  const split = given.includes('--') ? given.indexOf('--') : given.length;
  const versions = given.slice(0, split);
  for (const version of versions.length > 0 ? versions : [DEFAULT_VERSION]) {
    if (!stop.signal.aborted) {
      await testVersion(version, given.slice(split + 1));
    }
  }
  const failed = total.failed + (stop.signal.aborted ? 1 : 0);
  process.stdout.write(`\n${total.passed} passed, ${failed} failed\n`);
  process.exitCode = stop.signal.aborted ? 130 : failed === 0 ? 0 : 1;
}

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    stop.abort();
    running?.kill(signal);
  });
}

await main();

// `npm test`: sets up what is missing, builds, runs every test, ends with `N passed, N failed`.
//
// Steps: set-up, build, check, native tests under ASan+UBSan, native tests under TSan, vitest. A step
// that builds or checks counts only when it fails; tests are counted from the reports of ctest and
// vitest. Later steps run even if an earlier one failed, unless they need what it makes. Uses Node's
// own modules alone: on a fresh clone nothing is installed yet.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { parseCtest, parseVitest, readCounts } from './test-counts.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const REPORTS = join(ROOT, 'build/reports');
const JOBS = String(availableParallelism());

/** @type {{ name: string, passed: number, failed: number, seconds: number }[]} */
const steps = [];
let running = null;
let interrupted = false;

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

/** Runs one step and keeps its counts; true when nothing of it failed. */
async function step(name, work) {
  if (interrupted) {
    return false;
  }
  process.stdout.write(`\n=== ${name} ===\n`);
  const start = process.hrtime.bigint();
  const { passed, failed, notes } = await work();
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  steps.push({ name, passed, failed, seconds });
  for (const note of notes) {
    process.stdout.write(`${name}: ${note}\n`);
  }
  return failed === 0;
}

const outcome = (ok, note) => ({ passed: 0, failed: ok ? 0 : 1, notes: ok ? [] : [note] });

/** Runs a test program and counts from its report; a bad exit that no count explains is one failure. */
async function counted(report, parse, start) {
  const path = join(REPORTS, report);
  rmSync(path, { force: true });
  const ok = await start(path);
  const counts = readCounts(path, parse);
  if (!ok && counts.failed === 0) {
    return { ...counts, failed: 1, notes: [...counts.notes, 'the runner failed, see above'] };
  }
  return counts;
}

// TSan's shadow memory does not fit every random address layout; a fixed one always works. Where the
// container forbids setarch, it is tried without.
function withFixedAddresses(command) {
  const setarch = ['setarch', process.arch === 'x64' ? 'x86_64' : 'aarch64', '-R'];
  const allowed = spawnSync(setarch[0], [...setarch.slice(1), 'true']).status === 0;
  return allowed ? [...setarch, ...command] : command;
}

async function nativeTests(sanitizer) {
  const launch = (...command) => {
    const [program, ...args] = sanitizer === 'tsan' ? withFixedAddresses(command) : command;
    return run(program, args, {
      UBSAN_OPTIONS: 'print_stacktrace=1',
      // Else every program with a thread left, as the fake driver's is, sleeps a second at its end.
      TSAN_OPTIONS: 'atexit_sleep_ms=20',
    });
  };
  if (!(await launch(process.execPath, 'scripts/build-native.mjs', sanitizer))) {
    return outcome(false, 'the build failed');
  }
  return counted(`${sanitizer}.xml`, parseCtest, (path) => {
    const tests = ['--test-dir', `build/${sanitizer}`, '-j', JOBS, '--output-on-failure'];
    return launch('ctest', ...tests, '--output-junit', path);
  });
}

/** What ctest cannot tell apart by itself: its list of tests was made with few seeds. */
async function moreSeeds() {
  const filter = '--gtest_filter=Seeds/*:Random/*:PlannerCalls.*';
  const ok = await run('build/asan/test/cuda_test', [filter, '--gtest_brief=1'], {
    PEGA_TEST_LONG: '1',
  });
  return outcome(ok, 'a random test of the CUDA device failed');
}

async function main() {
  const long = process.argv.includes('--long');
  mkdirSync(REPORTS, { recursive: true });
  const ready = await step('set-up', async () =>
    outcome(
      await run(process.execPath, ['scripts/setup.mjs', '--tests']),
      'the set-up failed, nothing was tested',
    ),
  );
  if (ready) {
    const built = await step('build', async () =>
      outcome(await run('npm', ['run', '--silent', 'build']), 'the build failed'),
    );
    await step('check', async () =>
      outcome(await run('npm', ['run', '--silent', 'check']), 'the check failed'),
    );
    await step('native tests, ASan + UBSan', () => nativeTests('asan'));
    await step('native tests, TSan', () => nativeTests('tsan'));
    if (long) {
      await step('CUDA device, more seeds', moreSeeds);
    }
    if (built) {
      await step('vitest', () =>
        counted('vitest.json', parseVitest, (path) =>
          run(
            process.execPath,
            [
              'node_modules/vitest/vitest.mjs',
              'run',
              '--reporter=default',
              '--reporter=json',
              `--outputFile.json=${path}`,
            ],
            long ? { PEGA_TEST_LONG: '1' } : {},
          ),
        ),
      );
    }
  }
  summarise();
}

function summarise() {
  const width = Math.max(...steps.map(({ name }) => name.length));
  process.stdout.write(`\n${'step'.padEnd(width)}  passed  failed  seconds\n`);
  for (const { name, passed, failed, seconds } of steps) {
    const cells = [
      String(passed).padStart(6),
      String(failed).padStart(6),
      seconds.toFixed(1).padStart(7),
    ];
    process.stdout.write(`${name.padEnd(width)}  ${cells.join('  ')}\n`);
  }
  const total = (key) => steps.reduce((sum, one) => sum + one[key], 0);
  const failed = total('failed') + (interrupted ? 1 : 0);
  process.stdout.write(`\n${total('passed')} passed, ${failed} failed\n`);
  process.exitCode = interrupted ? 130 : failed === 0 ? 0 : 1;
}

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    interrupted = true;
    running?.kill(signal);
  });
}

await main();

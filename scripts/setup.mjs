// What a fresh clone needs before it can be built: the tools of the machine and the packages of npm.
//
// `node scripts/setup.mjs [--tests]`, or setUp() from another script. Checks that tools are there and
// says what to install; installs nothing outside node_modules. --tests also asks for what the native
// tests need. Uses Node's own modules alone.
import { readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { runStep } from './run-step.mjs';
import { describeMissingTools } from './toolchain.mjs';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));
/**
 * Makes node_modules fit package-lock.json; throws an Error that says what is missing.
 * @param {{ tests?: boolean, signal?: AbortSignal }} [options]
 */
export async function setUp({ tests = false, signal } = {}) {
  const missing = describeMissingTools({ tests });
  if (missing !== undefined) {
    throw new Error(missing);
  }
  if (packagesAreStale()) {
    await runStep('install packages (npm ci)', 'npm', ['ci', '--no-audit', '--no-fund'], {
      cwd: ROOT,
      signal,
    });
  }
}

/** npm writes node_modules/.package-lock.json last, so it is there only after a full install. */
function packagesAreStale() {
  const wanted = statSync(`${ROOT}package-lock.json`);
  const installed = statSync(`${ROOT}node_modules/.package-lock.json`, { throwIfNoEntry: false });
  if (installed === undefined) {
    return true;
  }
  return wanted.mtimeMs > installed.mtimeMs && !installedFitsLock();
}

/** A lock file that was only touched, as a checkout does, asks for nothing. */
function installedFitsLock() {
  const wanted = JSON.parse(readFileSync(`${ROOT}package-lock.json`, 'utf8')).packages;
  const installed = JSON.parse(
    readFileSync(`${ROOT}node_modules/.package-lock.json`, 'utf8'),
  ).packages;
  return Object.entries(wanted).every(
    ([path, { version, optional }]) =>
      path === '' || installed[path]?.version === version || (optional && !installed[path]),
  );
}

async function main() {
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  try {
    await setUp({ tests: process.argv.includes('--tests'), signal: stop.signal });
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = stop.signal.aborted ? 130 : 69;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main();
}

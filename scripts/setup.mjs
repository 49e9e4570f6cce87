// What a fresh clone needs before it can be built: the tools of the machine and the packages of npm.
//
// `node scripts/setup.mjs [--tests]`, or setUp() from another script. Checks that tools are there and
// says what to install; installs nothing outside node_modules. --tests also asks for what the native
// tests need. Uses Node's own modules alone.
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { runStep } from './run-step.mjs';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));
const NODE_MINIMUM = [20, 18];

/** A compiler that CMake would take, too: CXX, where it is set. */
const COMPILER = process.env.CXX || 'g++';

const TOOLS = [
  { name: 'a C++ compiler', probe: [COMPILER, '--version'], debian: 'g++' },
  { name: 'CMake', probe: ['cmake', '--version'], debian: 'cmake' },
  { name: 'ninja', probe: ['ninja', '--version'], debian: 'ninja-build' },
];
const TOOLS_OF_TESTS = [
  {
    name: 'GoogleTest',
    probe: [COMPILER, '-E', '-x', 'c++', '-'],
    input: '#include <gtest/gtest.h>\n',
    debian: 'libgtest-dev',
  },
];

/**
 * Makes node_modules fit package-lock.json; throws an Error that says what is missing.
 * @param {{ tests?: boolean, signal?: AbortSignal }} [options]
 */
export async function setUp({ tests = false, signal } = {}) {
  requireNode();
  requireTools(tests ? [...TOOLS, ...TOOLS_OF_TESTS] : TOOLS);
  if (packagesAreStale()) {
    await runStep('install packages (npm ci)', 'npm', ['ci', '--no-audit', '--no-fund'], {
      cwd: ROOT,
      signal,
    });
  }
}

function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  const [leastMajor, leastMinor] = NODE_MINIMUM;
  if (major < leastMajor || (major === leastMajor && minor < leastMinor)) {
    throw new Error(
      `Node ${process.versions.node} was found, ${NODE_MINIMUM.join('.')} or newer is required`,
    );
  }
}

function requireTools(tools) {
  const missing = tools.filter(({ probe: [command, ...args], input }) => {
    const result = spawnSync(command, args, {
      input: input ?? '',
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    return result.status !== 0;
  });
  if (missing.length > 0) {
    const names = missing.map(({ name }) => name).join(', ');
    const packages = missing.map(({ debian }) => debian).join(' ');
    throw new Error(
      `not found: ${names}\nTry: apt-get install ${packages}   (Debian, Ubuntu; elsewhere the packages of these names)`,
    );
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
    process.stderr.write(`Error: ${error.message}\n`);
    process.exitCode = stop.signal.aborted ? 130 : 69;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main();
}

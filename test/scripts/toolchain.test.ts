// The native build on a machine that lacks tools: it says what, and how to get it.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const BUILD = fileURLToPath(new URL('../../scripts/build-native.mjs', import.meta.url));

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pega-test-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** Runs the build where PATH is the test's folder alone. */
function build(...args: string[]) {
  const env = { PATH: folder };
  return spawnSync(process.execPath, [BUILD, ...args], { env, encoding: 'utf8' });
}

/** A program that prints this as its version. */
function addTool(name: string, version: string): void {
  writeFileSync(join(folder, name), `#!/bin/sh\necho "${version}"\n`, { mode: 0o755 });
}

test('with nothing there all of it is named, with what to install', () => {
  const { status, stderr } = build('release');
  expect(status).toBe(1);
  expect(stderr).toContain('g++ or clang++ was not found: g++ 12 or clang++ 14 is required');
  expect(stderr).toMatch(/Try: apt-get install g\+\+ cmake ninja-build python3\n/);
  expect(stderr).not.toContain('libgtest-dev');
});

test('tools that are too old are named with both versions', () => {
  addTool('g++', 'g++ (Debian 10.2.1-6) 10.2.1 20210110');
  addTool('cmake', 'cmake version 3.18.4');
  addTool('ninja', '1.10.1');
  addTool('python3', 'Python 3.9.2');
  const { status, stderr } = build('release');
  expect(status).toBe(1);
  expect(stderr).toContain('g++ 10.2.1 was found, g++ 12 or clang++ 14 is required');
  expect(stderr).toContain('CMake 3.18.4 was found, 3.25 is required');
  expect(stderr).toMatch(/Try: apt-get install g\+\+ cmake\n/);
});

test('the native tests need GoogleTest, too', () => {
  writeFileSync(
    join(folder, 'g++'),
    '#!/bin/sh\n[ "$1" = --version ] && echo "g++ (Debian) 12.2.0" && exit 0\nexit 1\n',
    { mode: 0o755 },
  );
  addTool('cmake', 'cmake version 3.25.1');
  addTool('ninja', '1.11.1');
  addTool('python3', 'Python 3.11.2');
  const { status, stderr } = build('asan');
  expect(status).toBe(1);
  expect(stderr).toMatch(/Try: apt-get install libgtest-dev\n/);
});

test('a preset is required and must be one', () => {
  for (const args of [[], ['fast'], ['release', 'asan'], ['release', '--jobs', '3']]) {
    const { status, stderr } = build(...args);
    expect(status).toBe(2);
    expect(stderr).toContain('Try: node scripts/build-native.mjs release|asan|tsan');
  }
});

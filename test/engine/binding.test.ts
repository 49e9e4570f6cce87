// An addon that can't be loaded: what is wrong, and what to do.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { loadAddon, loadBinding } from '../../src/engine/binding.js';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pega-test-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

function failureOf(path: string): { code: string; message: string; suggestions: string[] } {
  try {
    loadAddon(path);
  } catch (error) {
    return error as { code: string; message: string; suggestions: string[] };
  }
  throw new Error(`${path} was loaded`);
}

test('the addon is loaded once, with the version of the package', () => {
  const binding = loadBinding();
  expect(loadBinding()).toBe(binding);
  expect(binding.version).toMatch(/^\d+\.\d+\.\d+/);
  expect(binding.sharedLayoutVersion).toBe(1);
});

test('not built', () => {
  const path = join(folder, 'pega.node');
  expect(failureOf(path)).toMatchObject({
    code: 'PEGA_ADDON_MISSING',
    message: `the native engine is not built: no file ${path}`,
    suggestions: [expect.stringContaining('npm run build:native')],
  });
});

test('built for another machine, or cut off', () => {
  const path = join(folder, 'pega.node');
  writeFileSync(path, 'this is no library, but long enough to have had a header of one');
  const failure = failureOf(path);
  expect(failure.code).toBe('PEGA_ADDON_MISSING');
  expect(failure.message).toContain(`another machine than ${process.platform}-${process.arch}`);
});

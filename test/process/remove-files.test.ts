// Files that go after the process that asked for it.
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';

import { removeInBackground } from '../../src/process/remove-files.js';

test('removes files, also with names like options, and those that are gone already', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pega-remove-'));
  const paths = ['-rf', 'a b', 'slab-1'].map((name) => join(folder, name));
  await Promise.all(paths.map((path) => writeFile(path, 'x')));
  removeInBackground([...paths, join(folder, 'never there')]);
  await vi.waitFor(() => expect(paths.filter((path) => existsSync(path))).toEqual([]), 10_000);
  await rm(folder, { recursive: true });
});

test('nothing to remove is fine', () => {
  removeInBackground([]);
});

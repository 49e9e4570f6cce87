// package-lock.json as a fresh clone needs it: `npm ci` refuses a lock file that lacks a platform's
// optional package, and npm itself writes such files where a package source does not serve them all.
import { expect, test } from 'vitest';

import { readText } from './tree.js';

interface Locked {
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

const lock = JSON.parse(readText('package-lock.json')) as { packages: Record<string, Locked> };

/** Where Node would find a package from another one: beside it or in a folder above. */
function isLocked(name: string, from: string): boolean {
  const folders = from.split('/node_modules/');
  return (
    folders.some((_, depth) => {
      const above = folders.slice(0, folders.length - depth).join('/node_modules/');
      return Object.hasOwn(lock.packages, `${above}/node_modules/${name}`);
    }) || Object.hasOwn(lock.packages, `node_modules/${name}`)
  );
}

test('every dependency of every package is locked, those of other platforms too', () => {
  const missing = Object.entries(lock.packages).flatMap(([path, locked]) =>
    Object.keys({ ...locked.dependencies, ...locked.optionalDependencies })
      .filter((name) => !isLocked(name, path))
      .map((name) => `${path || 'package.json'} → ${name}`),
  );
  expect(missing).toEqual([]);
});

test('the lock file names no place to download from', () => {
  expect(readText('package-lock.json')).not.toContain('"resolved"');
});

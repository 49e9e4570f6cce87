// scripts/build-kernels.mjs without its compiler: it sees when a kernel and its PTX no longer belong together.
// That they do is compiled by `npm run check:kernels`.
import { spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { checkSources } from '../../scripts/build-kernels.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const KERNELS = 'cuda/kernels';

let native: string;

beforeEach(() => {
  native = mkdtempSync(join(tmpdir(), 'pega-kernels-'));
  cpSync(join(ROOT, 'native', KERNELS), join(native, KERNELS), { recursive: true });
});

afterEach(() => {
  rmSync(native, { recursive: true });
});

const kernelFile = (name: string): string => join(native, KERNELS, name);

function replaceIn(name: string, from: string, to: string): void {
  const text = readFileSync(kernelFile(name), 'utf8');
  expect(text).toContain(from);
  writeFileSync(kernelFile(name), text.replace(from, to));
}

test('the committed texts belong to their sources', () => {
  expect(checkSources()).toEqual([]);
  expect(checkSources(native)).toEqual([]);
});

test.each([
  ['a kernel', 'copy_rows.cu', ['copy_rows']],
  ['a header', 'matrix_product.h', ['matrix_product']],
  ["the compiler's pins", 'requirements.txt', ['copy_rows', 'matrix_product']],
])('%s that changed is named', (_, changed, stale) => {
  appendFileSync(kernelFile(changed), '\n');
  expect(checkSources(native)).toEqual(
    stale.map(
      (name) =>
        `${KERNELS}/${name}.ptx was made from another ${name}.cu, header, compiler or flags`,
    ),
  );
});

test('a text changed by hand is named, whichever part of it', () => {
  replaceIn('copy_rows.ptx', '.version 8.0', '.version 7.0');
  appendFileSync(kernelFile('matrix_product.ptx'), '\n');
  expect(checkSources(native)).toEqual([
    `${KERNELS}/copy_rows.ptx was changed by hand`,
    `${KERNELS}/matrix_product.ptx was changed by hand`,
  ]);
});

test('a head changed by hand is named', () => {
  replaceIn('copy_rows.ptx', '// sources: ', '// sources:  ');
  expect(checkSources(native)).toHaveLength(1);
});

test('a kernel without its text is named', () => {
  rmSync(kernelFile('copy_rows.ptx'));
  expect(checkSources(native)).toEqual([`${KERNELS}/copy_rows.ptx is missing`]);
});

test('as a command', () => {
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [join(ROOT, 'scripts/build-kernels.mjs'), ...args], {
      encoding: 'utf8',
    });
  expect(run('--check-sources').status).toBe(0);
  const wrong = run('--fast');
  expect(wrong.status).toBe(2);
  expect(wrong.stderr).toContain('Try: node scripts/build-kernels.mjs');
});

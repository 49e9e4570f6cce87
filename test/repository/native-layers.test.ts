// scripts/check-native-layers.mjs: catches each kind of wrong #include, and finds none in native/.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { checkNativeLayers, ROOMS } from '../../scripts/check-native-layers.mjs';
import { ROOT } from './tree.js';

let native = '';

beforeEach(async () => {
  native = await mkdtemp(join(tmpdir(), 'pega-native-'));
});

afterEach(async () => {
  await rm(native, { recursive: true, force: true });
});

async function plant(file: string, include: string): Promise<string[]> {
  const path = join(native, file);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `#include <cstdint>\n${include}\n`);
  return checkNativeLayers(native).violations;
}

test('native/ has no wrong arrow', () => {
  expect(checkNativeLayers(join(ROOT, 'native')).violations).toEqual([]);
});

test('every room of the table exists and is used', () => {
  const { arrows } = checkNativeLayers(join(ROOT, 'native'));
  const rooms = new Set([...arrows].map((arrow) => arrow.split(' ')[0]));
  expect([...rooms].sort()).toEqual(Object.keys(ROOMS).sort());
});

test.each([
  ['pool/a.cc', '#include "transfer/device.h"', 'not transfer'],
  ['transfer/a.cc', '#include "pool/pool.h"', 'not pool'],
  ['base/a.h', '#include "shared/mapping.h"', 'not shared'],
  ['reference/a.cc', '#include "shared/mapping.h"', 'not shared'],
  ['c/a.cc', '#include "pool/pool.h"', 'not pool'],
  ['pool/a.cc', '  # include <node_api.h>', 'only native/node'],
  ['shared/a.cc', '#include "napi.h"', 'only native/node'],
  ['node/a.cc', '#include <cuda.h>', 'only native/cuda'],
  ['pool/a.cc', '#include <gtest/gtest.h>', 'belongs to tests'],
  ['pool/a.cc', '#include "../base/status.h"', 'named from native/'],
  ['pool/a.cc', '#include "pool.h"', 'named from native/'],
  ['cellar/a.cc', '', 'no such room'],
])('%s with %s is refused', async (file, include, reason) => {
  const violations = await plant(file, include);
  expect(violations).toHaveLength(1);
  expect(violations[0]).toContain(reason);
});

test.each([
  ['pool/a.cc', '#include "pool/pool.h"'],
  ['pool/a.cc', '#include "base/status.h"'],
  ['node/a.cc', '#include <napi.h>'],
  ['c/a.cc', '#include "transfer/device.h"'],
])('%s with %s is fine', async (file, include) => {
  expect(await plant(file, include)).toEqual([]);
});

test('a folder without sources is a failure, not a success', () => {
  expect(checkNativeLayers(native).violations).toHaveLength(1);
});

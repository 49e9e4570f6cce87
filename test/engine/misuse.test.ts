// What the addon is given wrong: every case is an error with a code, never a crash and never a change.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { loadBinding } from '../../src/engine/binding.js';
import type {
  NativeEngineMemory,
  NativePool,
  NativeTransferEngine,
} from '../../src/engine/binding-types.js';
import { MIB } from './pool-fixture.js';

const INVALID = 'PEGA_INVALID_ARGUMENT';
const EMPTY = Buffer.alloc(0);
const POOL_OPTIONS = {
  ...{ poolDir: '', slabDir: '', group: '', poolBytes: 64 * MIB, slabBytes: 0, fillThreads: 1 },
  ...{ allowAnyFilesystem: false, deferFill: true },
  ...{ hugePages: false, numaNodes: [], numaRequired: false },
};
const NOT_COUNTS = [
  ...[undefined, null, true, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, 2 ** 32],
  ...[1n, '1', {}, [], () => 1, Symbol('s')],
];
const NOT_IDS = [undefined, null, 1, -1n, 2n ** 64n, Number.NaN, '1', {}, Symbol('s')];
const NOT_BYTES = [
  ...[undefined, null, 1, 'bytes', [1, 2], {}, new Uint32Array(4), new ArrayBuffer(16)],
  ...[new Uint8Array(new SharedArrayBuffer(16)), new DataView(new ArrayBuffer(16))],
];

const native = loadBinding();
let dir: string;
let pool: NativePool;
let memory: NativeEngineMemory;
let transfer: NativeTransferEngine;
let engine: number;

/** Calls as JavaScript may, whatever the types say; the code that it throws, 'none' for none. */
function codeOf(target: object, method: string, ...args: unknown[]): unknown {
  const call = Reflect.get(target, method) as (...all: unknown[]) => unknown;
  try {
    call.apply(target, args);
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
  return 'none';
}

function openMemory(changes: object = {}): NativeEngineMemory {
  const { folder, poolId, slabBytes, ordinalCapacity, bootNumber } = pool;
  return native.EngineMemory.open({
    ...{ folder, poolId, slabBytes, ordinalCapacity, bootNumber, rankCount: 1, record: 1 },
    ...{ engineId: randomBytes(16), nonce: randomBytes(16), ...changes },
  });
}

const layout = (changes: object = {}) => ({
  ...{ memory, allocations: [Buffer.alloc(4096)], blockCount: 4, threads: 1 },
  segments: [{ layer: 0, allocation: 0, offsetBytes: 0, blockStrideBytes: 1024, bytes: 1024 }],
  ...changes,
});

beforeAll(() => {
  dir = mkdtempSync('/dev/shm/pega-test-');
  pool = native.Pool.create({ ...POOL_OPTIONS, poolDir: dir });
  engine = pool.addEngine(pool.openNamespace(Buffer.alloc(32, 1), 16, [MIB]));
  memory = openMemory();
  transfer = native.TransferEngine.create(layout());
});

afterAll(async () => {
  await transfer.close();
  memory.close();
  pool.close(1000);
  rmSync(dir, { recursive: true });
});

describe('numbers, ids and bytes of the wrong kind', () => {
  test.each(NOT_COUNTS.map((value) => [typeof value, value]))(
    'a count that is a %s: %s',
    (_, it) => {
      const hash = Buffer.alloc(16);
      expect(codeOf(pool, 'lookup', it, hash)).toBe(INVALID);
      expect(codeOf(pool, 'release', engine, 1n, it)).toBe(INVALID);
      expect(codeOf(pool, 'checkSlabs', it)).toBe(INVALID);
      expect(codeOf(pool, 'openNamespace', Buffer.alloc(32, 2), it, [MIB])).toBe(INVALID);
      expect(codeOf(pool, 'openNamespace', Buffer.alloc(32, 2), 16, [it])).toBe(
        it === 2 ** 32 ? INVALID : INVALID,
      );
      expect(codeOf(memory, 'hold', EMPTY, it)).toBe(INVALID);
      expect(codeOf(memory, 'reportReady', it, true)).toBe(INVALID);
      expect(codeOf(native.TransferEngine, 'create', layout({ threads: it }))).toBe(INVALID);
      expect(codeOf(native, 'measureMemcpy', it, 1, 1)).toBe(INVALID);
    },
  );

  test.each(NOT_IDS.map((value) => [typeof value, value]))('an id that is a %s: %s', (_, it) => {
    expect(codeOf(pool, 'lease', engine, it, true, EMPTY)).toBe(INVALID);
    expect(codeOf(pool, 'release', engine, it, 1)).toBe(INVALID);
    expect(codeOf(pool, 'raiseWatermark', engine, it)).toBe(INVALID);
    expect(codeOf(pool, 'abandonAll', engine, it, 1)).toBe(INVALID);
  });

  test.each(NOT_BYTES.map((value, index) => [index, value]))('bytes that are not: %s', (_, it) => {
    expect(codeOf(pool, 'lookup', engine, it)).toBe(INVALID);
    expect(codeOf(pool, 'lease', engine, 1n, true, it)).toBe(INVALID);
    expect(codeOf(pool, 'reserve', engine, 1n, true, it, EMPTY)).toBe(INVALID);
    expect(codeOf(pool, 'seal', engine, 1n, it, EMPTY)).toBe(INVALID);
    expect(codeOf(memory, 'hold', it, MIB)).toBe(INVALID);
    expect(codeOf(transfer, 'submit', 'store', new Uint32Array(1), it, [])).toBe(INVALID);
  });

  test('detached and cut-off buffers', () => {
    const detached = new Uint8Array(16);
    structuredClone(detached, { transfer: [detached.buffer] });
    expect(codeOf(pool, 'lookup', engine, detached)).toBe(INVALID);
    expect(codeOf(pool, 'lookup', engine, Buffer.alloc(17))).toBe(INVALID);
    expect(codeOf(pool, 'seal', engine, 1n, Buffer.alloc(3), EMPTY)).toBe(INVALID);
    expect(codeOf(pool, 'seal', engine, 1n, Buffer.alloc(4), Buffer.alloc(4))).toBe(INVALID);
    expect(codeOf(pool, 'seal', engine, 1n, Buffer.alloc(4), EMPTY)).toBe(INVALID);
    expect(codeOf(pool, 'reserve', engine, 1n, true, Buffer.alloc(5), EMPTY)).toBe(INVALID);
    expect(codeOf(memory, 'hold', Buffer.alloc(7), MIB)).toBe(INVALID);
    expect(codeOf(memory, 'drop', Buffer.alloc(8), MIB)).toBe(INVALID);
    expect(pool.stats()).toMatchObject({ leases: 0, reservations: 0, queriedTotal: 0 });
  });
});

test('more than a batch, and an engine that is not there', () => {
  expect(codeOf(pool, 'lookup', engine, Buffer.alloc(1025 * 16))).toBe('PEGA_LIMIT');
  expect(codeOf(pool, 'lookup', 99, EMPTY)).toBe('PEGA_NOT_FOUND');
  expect(codeOf(pool, 'addEngine', 99)).toBe('PEGA_NOT_FOUND');
  expect(codeOf(pool, 'release', engine, 1n, 0)).toBe(INVALID);
  expect(codeOf(pool, 'release', engine, 1n, 1025)).toBe(INVALID);
});

test('options that are missing, or whose getters throw', () => {
  expect(codeOf(native.Pool, 'create')).toBe(INVALID);
  expect(codeOf(native.Pool, 'create', {})).toBe(INVALID);
  expect(codeOf(native.Pool, 'create', { ...POOL_OPTIONS, poolDir: 'a\0b' })).toBe(INVALID);
  expect(codeOf(native.HoldView, 'open', {}, EMPTY, EMPTY, 1, 1)).toBe(INVALID);
  expect(codeOf(native, 'removeDeadHoldFile', 7)).toBe(INVALID);
  const throwing = {
    get poolDir() {
      throw Object.assign(new Error('mine'), { code: 'MINE' });
    },
  };
  expect(codeOf(native.Pool, 'create', throwing)).toBe('MINE');
});

test('methods on the wrong object, and constructors called from JavaScript', () => {
  const lookup = Reflect.get(pool, 'lookup') as (...args: unknown[]) => unknown;
  expect(() => lookup.call({}, engine, EMPTY)).toThrow();
  expect(() => lookup.call(memory, engine, EMPTY)).toThrow();
  expect(codeOf(native.TransferEngine, 'create', layout({ memory: pool }))).toBe(INVALID);
  expect(codeOf(native.TransferEngine, 'create', layout({ memory: {} }))).toBe(INVALID);
  for (const object of [pool, memory, transfer]) {
    const Made = Reflect.get(object, 'constructor') as new () => unknown;
    expect(() => new Made()).toThrow(expect.objectContaining({ code: INVALID }));
  }
});

test('layouts and jobs that do not fit', () => {
  const create = (changes: object) => codeOf(native.TransferEngine, 'create', layout(changes));
  expect(create({ blockCount: 5 })).toBe(INVALID);
  expect(create({ blockCount: 0 })).toBe(INVALID);
  expect(create({ segments: [] })).toBe(INVALID);
  expect(create({ allocations: [{ address: 0n, bytes: 4096 }] })).toBe(INVALID);
  expect(create({ allocations: [{ address: 2n ** 64n, bytes: 4096 }] })).toBe(INVALID);
  const submit = (...args: unknown[]) => codeOf(transfer, 'submit', ...args);
  expect(submit('move', new Uint32Array(0), EMPTY, [])).toBe(INVALID);
  expect(submit('store', new Uint32Array(1), EMPTY, [])).toBe(INVALID);
  expect(submit('store', new Uint32Array([4]), Buffer.alloc(8), [])).toBe(INVALID);
  expect(submit('load-sync', new Uint32Array(1), Buffer.alloc(8), [2])).toBe(INVALID);
  expect(submit('load-sync', new Uint32Array(1), Buffer.alloc(8), [0, 1])).toBe(INVALID);
  expect(submit('load-sync', new Uint32Array(1), Buffer.alloc(8))).toBe(INVALID);
  expect(transfer.stats().jobsNow).toBe(0);
});

test('an engine of another boot, or of a record that is not there, gets no memory', () => {
  const open = (changes: object) => codeOf({ open: () => openMemory(changes) }, 'open');
  expect(open({ bootNumber: pool.bootNumber - 1n })).toBe('PEGA_STALE_BOOT');
  expect(open({ poolId: randomBytes(16) })).toBe('PEGA_STALE_BOOT');
  expect(open({ record: 2 })).toBe(INVALID);
  expect(open({ nonce: Buffer.alloc(15) })).toBe(INVALID);
});

test('after close every call is refused, and close may be repeated', async () => {
  const own = mkdtempSync('/dev/shm/pega-test-');
  const closed = native.Pool.create({ ...POOL_OPTIONS, poolDir: own });
  closed.close(1000);
  closed.close(1000);
  rmSync(own, { recursive: true });
  for (const call of ['poll', 'stats', 'slabs', 'engines', 'namespaces', 'fillProgress']) {
    expect(codeOf(closed, call)).toBe('PEGA_CANCELLED');
  }
  expect(codeOf(closed, 'lookup', 0, EMPTY)).toBe('PEGA_CANCELLED');
  expect(closed.slabsTotal).toBe(4);

  const other = openMemory();
  const copies = native.TransferEngine.create(layout({ memory: other }));
  expect(codeOf(other, 'close')).toBe(INVALID);
  await Promise.all([copies.close(), copies.close()]);
  await copies.close();
  expect(codeOf(copies, 'stats')).toBe('PEGA_CANCELLED');
  expect(codeOf(copies, 'submit', 'store', new Uint32Array(0), EMPTY, [])).toBe('PEGA_CANCELLED');
  other.close();
  other.close();
  expect(codeOf(other, 'heldPages')).toBe('PEGA_CANCELLED');
  expect(codeOf(native.TransferEngine, 'create', layout({ memory: other }))).toBe('PEGA_CANCELLED');
});

// Reservations, store jobs and seals against a server that the test plays.
import { afterEach, expect, test, vi } from 'vitest';
import { PegaError } from '../../src/errors.js';
import { BlockPool } from '../../src/reference/block-pool.js';
import { Stores } from '../../src/reference/stores.js';
import {
  compute,
  type FakeConnection,
  fakeConnection,
  type Grants,
  requestOf,
  settled,
} from './support/fake-connection.js';

afterEach(() => {
  vi.useRealTimers();
});

function storesOver(grants: Partial<Grants> = {}, blocks = 32) {
  const fake: FakeConnection = fakeConnection(grants);
  const pool = new BlockPool(blocks);
  const decisions: string[] = [];
  const stores = new Stores({
    pool,
    connection: () => (fake.connection.lost.aborted ? undefined : fake.connection),
    decide: (_, kind) => decisions.push(kind),
    onProgress: () => undefined,
  });
  return { fake, pool, stores, decisions };
}

test('reserved, held, stored when computed, bits away, sealed', async () => {
  const { fake, pool, stores } = storesOver();
  const request = requestOf(16);
  stores.reserve(request, 0, 4);
  await settled();
  expect(fake.log).toEqual(['reserve 4', 'hold 4']);
  compute(pool, request);
  stores.published(request);
  expect(pool.freeCount).toBe(28);
  await settled();
  expect(fake.log.slice(2)).toEqual(['store 4', 'drop 4', 'seal 1:4', 'forget 1']);
  expect(stores.unfinished).toBe(false);
});

test('blocks that were computed before the answer are stored at once', async () => {
  const { fake, pool, stores } = storesOver({ reserve: () => [1, 0, 0, 3] });
  const request = requestOf(16);
  compute(pool, request);
  stores.reserve(request, 0, 4);
  expect(stores.unfinished).toBe(true);
  await settled();
  expect(fake.log).toEqual(['reserve 4', 'hold 2', 'store 2', 'drop 2', 'seal 1:2', 'forget 1']);
});

test('what a request will not compute any more is abandoned', async () => {
  const { fake, stores } = storesOver();
  const request = requestOf(16);
  stores.reserve(request, 0, 4);
  await settled();
  request.state = 'ended';
  stores.ended(request);
  await settled();
  expect(fake.log.slice(2)).toEqual(['drop 4', 'abandon 1:4', 'forget 1']);
  expect(fake.held()).toBe(0);
});

test('an answer that comes after the end of the request is given back', async () => {
  const { fake, stores } = storesOver();
  const request = requestOf(16);
  stores.reserve(request, 0, 4);
  request.state = 'ended';
  stores.ended(request);
  await settled();
  expect(fake.log).toEqual(['reserve 4', 'hold 4', 'drop 4', 'abandon 1:4', 'forget 1']);
});

test('a store that fails is abandoned, and its blocks are free again', async () => {
  const { fake, pool, stores, decisions } = storesOver({
    copy: () => Promise.reject(new PegaError('PEGA_SLAB_CHANGED', 'truncated')),
  });
  const request = requestOf(16);
  compute(pool, request);
  stores.reserve(request, 0, 4);
  await settled();
  pool.release(request.blocks);
  expect(pool.usedCount).toBe(0);
  expect(fake.log.slice(3)).toEqual(['drop 4', 'abandon 1:4', 'forget 1']);
  expect(decisions).toEqual(['store_failed']);
});

test('at most 8 blocks of a small device are read at a time; what was evicted meanwhile is abandoned', async () => {
  let finish: (() => void)[] = [];
  const { fake, pool, stores } = storesOver(
    { copy: () => new Promise((resolve) => finish.push(resolve)) },
    16,
  );
  const request = requestOf(48);
  compute(pool, request);
  stores.reserve(request, 0, 12);
  await settled();
  expect(fake.log).toEqual(['reserve 12', 'hold 12', 'store 8']);
  pool.release(request.blocks);
  expect(pool.usedCount).toBe(8);
  expect(pool.allocate(8)).toHaveLength(8); // the four that wait are taken for something else
  const first = finish;
  finish = [];
  for (const end of first) {
    end();
  }
  await settled();
  expect(fake.held()).toBe(0);
  expect(fake.log.filter((line) => /seal|abandon/.test(line)).sort()).toEqual([
    'abandon 1:4',
    'seal 1:8',
  ]);
});

test('blocks in flight at another engine are asked for again, ten times, while they are here', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  const { fake, pool, stores } = storesOver({ reserve: (n) => new Array<number>(n).fill(2) });
  const request = requestOf(16);
  compute(pool, request);
  stores.reserve(request, 1, 4);
  for (let second = 0; second < 15; second += 1) {
    await settled();
    vi.advanceTimersByTime(1001);
    stores.retryDue();
  }
  expect(fake.log.filter((line) => line === 'reserve 3')).toHaveLength(10);
  const gone = storesOver({ reserve: (n) => new Array<number>(n).fill(2) });
  gone.stores.reserve(requestOf(16), 0, 4);
  await settled();
  vi.advanceTimersByTime(1001);
  gone.stores.retryDue();
  expect(gone.fake.log.filter((line) => line.startsWith('reserve'))).toHaveLength(1);
});

test('a lost connection ends everything without a call', async () => {
  const { fake, pool, stores } = storesOver();
  const request = requestOf(16);
  stores.reserve(request, 0, 4);
  await settled();
  fake.lose();
  stores.connectionLost(fake.connection);
  compute(pool, request);
  stores.published(request);
  stores.ended(request);
  await settled();
  expect(fake.log).toEqual(['reserve 4', 'hold 4']);
  expect(stores.unfinished).toBe(false);
});

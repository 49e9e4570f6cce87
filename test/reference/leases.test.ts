// Queries, leases and loads against a server that the test plays: order of bits and calls, and misses.
import { afterEach, expect, test, vi } from 'vitest';
import { PegaError } from '../../src/errors.js';
import type { Connection } from '../../src/reference/connection.js';
import { Leases } from '../../src/reference/leases.js';
import { fakeConnection, requestOf, settled } from './support/fake-connection.js';

afterEach(() => {
  vi.useRealTimers();
});

function leasesOver(connection: () => Connection | undefined) {
  const decisions: string[] = [];
  const leases = new Leases({
    connection,
    decide: (_, kind) => decisions.push(kind),
    onAnswer: () => undefined,
  });
  return { leases, decisions };
}

const hitAll = {
  query: (hashes: number, local: number) => ({ sealedBefore: [], hitBlocks: hashes - local }),
};

test('bits before the hit is told, load, bits away, release', async () => {
  const fake = fakeConnection(hitAll);
  const { leases } = leasesOver(() => fake.connection);
  const request = requestOf(16);
  leases.query(request, 0);
  expect(leases.hit(request, 0, 3)).toBe('pending');
  await settled();
  expect(leases.hit(request, 0, 3)).toBe(3);
  expect(leases.sealedPrefix(request)).toBe(4);
  expect(await leases.load(request, 0, [7, 8, 9])).toBe(true);
  expect(fake.log).toEqual(['query', 'hold 4', 'load 3', 'drop 4', 'release 1']);
  leases.forget(request);
  expect(fake.log).toHaveLength(5);
});

test('a larger local hit uses the rest of the lease; a smaller one asks again', async () => {
  const fake = fakeConnection(hitAll);
  const { leases } = leasesOver(() => fake.connection);
  const request = requestOf(20);
  leases.query(request, 2);
  await settled();
  expect(leases.hit(request, 3, 4)).toBe(1);
  expect(leases.hit(request, 1, 4)).toBe('pending');
  await settled();
  expect(leases.hit(request, 1, 4)).toBe(3);
  expect(fake.log).toEqual(['query', 'hold 3', 'drop 3', 'release 1', 'query', 'hold 4']);
});

test('a local hit that covers all gives the lease back', async () => {
  const fake = fakeConnection(hitAll);
  const { leases } = leasesOver(() => fake.connection);
  const request = requestOf(16);
  leases.query(request, 0);
  await settled();
  expect(leases.hit(request, 3, 3)).toBe(0);
  expect(fake.log.slice(2)).toEqual(['drop 4', 'release 1']);
});

test('a server that restarted between grant and use is a miss and leaves no bit', async () => {
  const fake = fakeConnection({
    ...hitAll,
    hold: () => {
      throw new PegaError('PEGA_STALE_BOOT', 'restarted');
    },
  });
  const { leases, decisions } = leasesOver(() => fake.connection);
  const request = requestOf(16);
  leases.query(request, 0);
  await settled();
  expect(leases.hit(request, 0, 3)).toBe(0);
  expect(fake.log).toEqual(['query', 'release 1']);
  expect(decisions).toEqual(['query_failed']);
});

test('a load that fails says so and ends its lease', async () => {
  const fake = fakeConnection({
    ...hitAll,
    copy: () => Promise.reject(new PegaError('PEGA_SLAB_CHANGED', 'truncated')),
  });
  const { leases, decisions } = leasesOver(() => fake.connection);
  const request = requestOf(16);
  leases.query(request, 0);
  await settled();
  expect(await leases.load(request, 0, [1, 2, 3])).toBe(false);
  expect(decisions).toEqual(['load_failed']);
  expect(fake.held()).toBe(0);
  expect(fake.log.at(-1)).toBe('release 1');
});

test('a request that is gone before the answer leaves nothing', async () => {
  const fake = fakeConnection(hitAll);
  const { leases } = leasesOver(() => fake.connection);
  const request = requestOf(16);
  leases.query(request, 0);
  leases.forget(request);
  await settled();
  expect(fake.held()).toBe(0);
  expect(fake.log).toEqual(['query', 'hold 4', 'drop 4', 'release 1']);
});

test('an unused lease ends after 10 s, and the request asks again when it returns', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  const fake = fakeConnection(hitAll);
  const { leases } = leasesOver(() => fake.connection);
  const request = requestOf(16);
  leases.query(request, 0);
  await settled();
  vi.advanceTimersByTime(9_900);
  leases.dropUnused();
  expect(fake.held()).toBe(4);
  vi.advanceTimersByTime(200);
  leases.dropUnused();
  expect(fake.held()).toBe(0);
  expect(leases.hit(request, 0, 3)).toBe('pending');
  await settled();
  expect(leases.hit(request, 0, 3)).toBe(3);
});

test('a lost connection voids its leases and gets no call', async () => {
  const fake = fakeConnection(hitAll);
  let current: Connection | undefined = fake.connection;
  const { leases } = leasesOver(() => current);
  const request = requestOf(16);
  leases.query(request, 0);
  await settled();
  fake.lose();
  current = undefined;
  leases.connectionLost(fake.connection);
  expect(leases.hit(request, 0, 3)).toBe(0);
  expect(fake.log).toEqual(['query', 'hold 4']);
});

test('a server that keeps failing is left alone for a second', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  const fake = fakeConnection({
    query: () => {
      throw new PegaError('PEGA_TIMEOUT', 'late');
    },
  });
  const { leases, decisions } = leasesOver(() => fake.connection);
  for (let salt = 0; salt < 5; salt += 1) {
    leases.query(requestOf(16, salt), 0);
    await settled();
  }
  expect(fake.log).toEqual(['query', 'query', 'query']);
  expect(decisions.at(-1)).toBe('breaker_open');
  vi.advanceTimersByTime(1100);
  leases.query(requestOf(16, 9), 0);
  expect(fake.log).toHaveLength(4);
});

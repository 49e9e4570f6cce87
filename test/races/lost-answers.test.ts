// An answer is lost on its way, or a request is late: the client repeats or gives back, and every call
// is done once. The proxy catches the call at the point in question.

import { expect, test } from 'vitest';
import type { EngineProcess } from '../../fixtures/engine-process/engine-process.js';
import type { RpcProxy } from '../../fixtures/rpc-proxy/rpc-proxy.js';
import { hashes } from '../server/support/hashes.js';
import { contentOf, loadContent, SLOT_BYTES, slotsOf, storeContent } from './support/content.js';
import { leaksOf, type Race, withRace } from './support/race.js';

const RANK = { rankSlotBytes: [SLOT_BYTES] };
const BLOCKS = hashes('lost', 5);
const UNAVAILABLE = { code: 'PEGA_UNAVAILABLE' };

interface Scene {
  race: Race;
  proxy: RpcProxy;
  /** Behind the proxy. */
  one: EngineProcess;
  /** At the server itself. */
  other: EngineProcess;
}

async function withScene(play: (scene: Scene) => Promise<void>): Promise<void> {
  await withRace(async (race) => {
    await race.serve();
    const proxy = await race.proxy();
    const one = await race.engine({ ...RANK, socket: proxy.socket });
    const other = await race.engine(RANK);
    await play({ race, proxy, one, other });
    expect(leaksOf(await race.look())).toEqual([]);
    for (const engine of [one, other]) {
      expect(await race.instance(engine)).toMatchObject({ heldBytes: 0, leases: 0 });
    }
  });
}

test("Seal's answer lost: it is repeated, and the blocks are sealed once", async () => {
  await withScene(async ({ race, proxy, one, other }) => {
    const answer = await one.reserve(1, BLOCKS);
    await one.send('write', { slots: slotsOf(answer), content: contentOf(BLOCKS) });
    const call = proxy.catchNext('Seal', 'answer');
    const sealing = one.sealAll(1, answer);
    await call.caught;
    call.cut();
    await expect(sealing).rejects.toMatchObject(UNAVAILABLE);
    expect(await one.sealAll(1, answer)).toMatchObject({ sealedBlocks: 0 });
    expect((await race.look()).totals).toMatchObject({ reserved: 5, sealed: 5, abandoned: 0 });
    expect((await loadContent(other, 1, BLOCKS)).equals(contentOf(BLOCKS))).toBe(true);
  });
});

test('a Seal that arrives after its repetition seals nothing more', async () => {
  await withScene(async ({ race, proxy, one, other }) => {
    const answer = await one.reserve(1, BLOCKS);
    await one.send('write', { slots: slotsOf(answer), content: contentOf(BLOCKS) });
    const call = proxy.catchNext('Seal', 'request');
    const sealing = one.sealAll(1, answer);
    await call.caught;
    call.cut();
    await expect(sealing).rejects.toMatchObject(UNAVAILABLE);
    expect(await one.sealAll(1, answer)).toMatchObject({ sealedBlocks: 5 });
    expect(await call.letGo()).toBeUndefined();
    expect((await race.look()).totals).toMatchObject({ reserved: 5, sealed: 5, abandoned: 0 });
    expect((await loadContent(other, 1, BLOCKS)).equals(contentOf(BLOCKS))).toBe(true);
  });
});

test("Reserve's answer lost: Abandon of the id frees the blocks for others", async () => {
  await withScene(async ({ race, proxy, one, other }) => {
    const call = proxy.catchNext('Reserve', 'answer');
    const reserving = one.reserve(1, BLOCKS);
    await call.caught;
    call.cut();
    await expect(reserving).rejects.toMatchObject(UNAVAILABLE);
    expect((await race.look()).blocks.reserved).toBe(5);
    expect([...(await other.reserve(1, BLOCKS)).outcomes]).toEqual([2, 2, 2, 2, 2]);
    await one.call('abandon', { reservationId: 1 });
    expect((await race.look()).blocks.reserved).toBe(0);
    await storeContent(other, 2, BLOCKS);
    await one.call('abandon', { reservationId: 1 });
    await expect(one.reserve(1, BLOCKS)).rejects.toMatchObject({ code: 'PEGA_ID_REUSED' });
    expect((await loadContent(one, 2, BLOCKS)).equals(contentOf(BLOCKS))).toBe(true);
  });
});

test('a Reserve that arrives after its Abandon reserves nothing', async () => {
  await withScene(async ({ race, proxy, one }) => {
    const call = proxy.catchNext('Reserve', 'request');
    const reserving = one.reserve(1, BLOCKS);
    await call.caught;
    call.cut();
    await expect(reserving).rejects.toMatchObject(UNAVAILABLE);
    await one.call('abandon', { reservationId: 1 });
    expect(await call.letGo()).toBe('PEGA_CANCELLED');
    expect((await race.look()).totals).toMatchObject({ reserved: 0 });
  });
});

test("an Abandon that arrives late does not free what another engine's reservation has now", async () => {
  await withScene(async ({ race, proxy, one, other }) => {
    await one.reserve(1, BLOCKS);
    const call = proxy.catchNext('Abandon', 'request');
    const abandoning = one.call('abandon', { reservationId: 1 });
    await call.caught;
    call.cut();
    await expect(abandoning).rejects.toMatchObject(UNAVAILABLE);
    await one.call('abandon', { reservationId: 1 });
    const theirs = await other.reserve(1, BLOCKS);
    expect([...theirs.outcomes]).toEqual([0, 0, 0, 0, 0]);
    expect(await call.letGo()).toBeUndefined();
    expect((await race.look()).blocks.reserved).toBe(5);
    await other.send('write', { slots: slotsOf(theirs), content: contentOf(BLOCKS) });
    expect(await other.sealAll(1, theirs)).toMatchObject({ sealedBlocks: 5 });
  });
});

test("Query's answer lost: Release of the id ends the lease", async () => {
  await withScene(async ({ race, proxy, one, other }) => {
    await storeContent(other, 1, BLOCKS);
    const call = proxy.catchNext('Query', 'answer');
    const querying = one.query({ leaseId: 1, hashes: BLOCKS, localHitBlocks: 0 });
    await call.caught;
    call.cut();
    await expect(querying).rejects.toMatchObject(UNAVAILABLE);
    expect((await race.look()).pinnedBytes).toBe(5 * SLOT_BYTES);
    await one.call('release', { leaseIds: [1] });
    expect((await race.look()).pinnedBytes).toBe(0);
  });
});

test('a Query that arrives after its Release grants nothing', async () => {
  await withScene(async ({ race, proxy, one, other }) => {
    await storeContent(other, 1, BLOCKS);
    const call = proxy.catchNext('Query', 'request');
    const querying = one.query({ leaseId: 1, hashes: BLOCKS, localHitBlocks: 0 });
    await call.caught;
    call.cut();
    await expect(querying).rejects.toMatchObject(UNAVAILABLE);
    await one.call('release', { leaseIds: [1] });
    expect(await call.letGo()).toBe('PEGA_CANCELLED');
    expect((await race.look()).pinnedBytes).toBe(0);
  });
});

test('nor one that arrives when the watermark has passed its tombstone', async () => {
  await withScene(async ({ race, proxy, one, other }) => {
    await storeContent(other, 1, BLOCKS);
    const calls = [proxy.catchNext('Query', 'request'), proxy.catchNext('Reserve', 'request')];
    const querying = one.query({ leaseId: 1, hashes: BLOCKS, localHitBlocks: 0 });
    await calls[0]?.caught;
    const reserving = one.reserve(2, hashes('never', 3));
    await calls[1]?.caught;
    calls[0]?.cut();
    const ends = await Promise.allSettled([querying, reserving]);
    expect(ends).toMatchObject([{ reason: UNAVAILABLE }, { reason: UNAVAILABLE }]);
    await one.call('release', { leaseIds: [1] });
    await one.call('abandon', { reservationId: 2 });
    const [token = Buffer.alloc(0)] = one.joined.tokens;
    const { engineId, bootNumber } = one.joined;
    await one.call('release', {
      leaseIds: [3],
      caller: { engineId, token, bootNumber, watermark: 4 },
    });
    for (const call of calls) {
      expect(await call.letGo()).toBe('PEGA_ID_REUSED');
    }
    expect((await race.look()).totals).toMatchObject({ reserved: 5 });
  });
});

test("Release's answer lost: it is repeated, and does not end a later lease of the same blocks", async () => {
  await withScene(async ({ race, proxy, one, other }) => {
    await storeContent(other, 1, BLOCKS);
    await one.query({ leaseId: 1, hashes: BLOCKS, localHitBlocks: 0 });
    const call = proxy.catchNext('Release', 'answer');
    const releasing = one.call('release', { leaseIds: [1] });
    await call.caught;
    call.cut();
    await expect(releasing).rejects.toMatchObject(UNAVAILABLE);
    await one.query({ leaseId: 2, hashes: BLOCKS, localHitBlocks: 0 });
    await one.call('release', { leaseIds: [1] });
    expect((await race.look()).pinnedBytes).toBe(5 * SLOT_BYTES);
    await one.call('release', { leaseIds: [2] });
  });
});

// An engine is paused for 30 s with everything it may have: a lease, a reservation, held slots. Another
// one floods the pool meanwhile. No clock ends what a living process holds, and nothing overwrites it.

import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { hashes } from '../server/support/hashes.js';
import {
  contentOf,
  loadContent,
  readSlots,
  SLOT_BYTES,
  slotsOf,
  storeContent,
} from './support/content.js';
import { leaksOf, SMALL_POOL, withRace } from './support/race.js';

const PAUSE_MS = 30_000;
const RANK = { rankSlotBytes: [SLOT_BYTES] };
const slotBytes = SLOT_BYTES;

test('an engine paused for 30 s keeps its lease, its reservation, and their bytes', async () => {
  await withRace(async ({ serve, engine, look, instance }) => {
    await serve(SMALL_POOL);
    const sleeper = await engine(RANK);
    const flood = await engine(RANK);
    const leased = hashes('leased', 8);
    const reserved = hashes('reserved', 4);
    await storeContent(sleeper, 1, leased);
    const { slots } = await sleeper.query({ leaseId: 2, hashes: leased, localHitBlocks: 0 });
    const answer = await sleeper.reserve(3, reserved);
    await sleeper.send('hold', { slots, slotBytes });
    await sleeper.send('hold', { slots: slotsOf(answer), slotBytes });
    await sleeper.send('write', { slots: slotsOf(answer), content: contentOf(reserved) });

    await sleeper.kill('SIGSTOP');
    const pausedAtMs = performance.now();
    let id = 0;
    while (performance.now() - pausedAtMs < PAUSE_MS) {
      id += 1;
      await storeContent(flood, id, hashes(`flood ${id}`, 16));
      expect([...(await flood.reserve(1_000_000 + id, reserved)).outcomes]).toEqual([2, 2, 2, 2]);
      // Once the pool was filled several times over, the rest of the pause costs others little.
      await sleep(id < 20 ? 0 : 200);
    }
    expect((await look()).totals.evicted).toBeGreaterThan(200);
    expect(await instance(sleeper)).toMatchObject({ dying: false, leases: 1 });
    expect((await look()).blocks).toMatchObject({ pinned: 8, reserved: 4 });
    await sleeper.kill('SIGCONT');

    expect((await readSlots(sleeper, slots)).equals(contentOf(leased))).toBe(true);
    expect(await sleeper.sealAll(3, answer)).toMatchObject({ sealedBlocks: 4 });
    await sleeper.send('drop', { slots: Buffer.concat([slots, slotsOf(answer)]), slotBytes });
    await sleeper.call('release', { leaseIds: [2] });
    const both = Buffer.concat([leased, reserved]);
    expect((await loadContent(flood, id + 1, leased)).equals(contentOf(leased))).toBe(true);
    expect((await loadContent(flood, id + 2, reserved)).equals(contentOf(reserved))).toBe(true);
    expect((await sleeper.query({ leaseId: 4, hashes: both, localHitBlocks: 12 })).hitBlocks).toBe(
      0,
    );
    expect(leaksOf(await look())).toEqual([]);
  });
}, 120_000);

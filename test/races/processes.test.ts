// Processes of engines are paused and killed: what an engine holds stays while any of its processes lives,
// however long it is paused, and ends with the last, whatever a fork still has open. The tests run at the
// same time, because one of them waits for half a minute.

import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { EngineProcess } from '../../fixtures/engine-process/engine-process.js';
import { hashes } from '../server/support/hashes.js';
import { until } from '../server/support/until.js';
import {
  contentOf,
  loadContent,
  readSlots,
  SLOT_BYTES,
  slotsOf,
  storeContent,
} from './support/content.js';
import { leaksOf, type Race, SMALL_POOL, withRace } from './support/race.js';

const ONE_RANK = { rankSlotBytes: [SLOT_BYTES] };
const THREE_RANKS = { rankSlotBytes: [SLOT_BYTES, SLOT_BYTES, SLOT_BYTES] };
const LEASED = hashes('leased', 3);
const STORES_END_AFTER_MS = 500;
const PAUSE_MS = 30_000;

/** Scheduler with rank 0, and ranks 1 and 2, each a process; with a lease and a reservation. */
async function startRanks({
  engine,
}: Race): Promise<[EngineProcess, EngineProcess, EngineProcess]> {
  const first = await engine({ ...THREE_RANKS, records: [0, 1] });
  const { engineId } = first.options;
  const second = await engine({ ...THREE_RANKS, engineId, records: [2] });
  const third = await engine({ ...THREE_RANKS, engineId, records: [3] });
  await first.store(1, LEASED);
  await first.query({ leaseId: 2, hashes: LEASED, localHitBlocks: 0 });
  await first.reserve(3, hashes('reserved', 2));
  return [first, second, third];
}

const holdFiles = (folder: string) =>
  readdirSync(folder).filter((name) => name.startsWith('hold-'));

test.concurrent('an engine paused for 30 s keeps its lease, its reservation, and their bytes', async () => {
  await withRace(async ({ serve, engine, look, instance }) => {
    await serve(SMALL_POOL);
    const sleeper = await engine(ONE_RANK);
    const flood = await engine(ONE_RANK);
    const leased = hashes('leased', 8);
    const reserved = hashes('reserved', 4);
    await storeContent(sleeper, 1, leased);
    const { slots } = await sleeper.query({ leaseId: 2, hashes: leased, localHitBlocks: 0 });
    const answer = await sleeper.reserve(3, reserved);
    await sleeper.send('hold', { slots, slotBytes: SLOT_BYTES });
    await sleeper.send('hold', { slots: slotsOf(answer), slotBytes: SLOT_BYTES });
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
    await sleeper.send('drop', {
      slots: Buffer.concat([slots, slotsOf(answer)]),
      slotBytes: SLOT_BYTES,
    });
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

test.concurrent('one rank of three killed, then the scheduler: the paused one keeps everything', async () => {
  await withRace(async (race) => {
    await race.serve(SMALL_POOL);
    const [first, second, third] = await startRanks(race);
    await third.kill('SIGKILL');
    await until('the rank is seen dead', async () => {
      const processes = (await race.instance(first))?.processes ?? [];
      return processes.filter(({ alive }) => alive).length === 3;
    });
    expect(await race.instance(first)).toMatchObject({ dying: false, leases: 1, reservations: 2 });
    await second.kill('SIGSTOP');
    await first.kill('SIGKILL');
    await until('only the paused rank lives', async () => {
      const processes = (await race.instance(first))?.processes ?? [];
      return processes.filter(({ alive }) => alive).length === 1;
    });
    const afterMs = performance.now() + 2 * STORES_END_AFTER_MS;
    await until('longer than stores of the dead stay', () => performance.now() > afterMs);
    expect((await race.look()).blocks).toEqual({ reserved: 2, sealed: 3, pinned: 3 });

    const killedAtMs = performance.now();
    await second.kill('SIGKILL');
    const seen = new Set<string>();
    await until('the stores have ended', async () => {
      const { reserved, pinned } = (await race.look()).blocks;
      seen.add(`${pinned} pinned, ${reserved} reserved`);
      return reserved === 0;
    });
    expect(performance.now() - killedAtMs).toBeGreaterThan(STORES_END_AFTER_MS);
    expect([...seen]).not.toContain('3 pinned, 0 reserved');
    const { poolFolder } = await race.look();
    await until('the hold file is gone', () => holdFiles(poolFolder).length === 0);
    expect(await race.instance(first)).toBeUndefined();
    expect(leaksOf(await race.look())).toEqual([]);
  });
});

test.concurrent('forks that keep sockets and hold file open do not keep their engine alive', async () => {
  await withRace(async (race) => {
    await race.serve(SMALL_POOL);
    const ranks = await startRanks(race);
    const forks = await Promise.all(
      ranks.map(async (rank) => (await rank.send('keepDescriptors', {})) as number),
    );
    try {
      await Promise.all(ranks.map((rank) => rank.kill('SIGKILL')));
      await until('the engine is forgotten', async () => {
        return (await race.instance(ranks[0])) === undefined;
      });
      for (const fork of forks) {
        expect(process.kill(fork, 0)).toBe(true);
      }
      const look = await race.look();
      expect(leaksOf(look)).toEqual([]);
      expect(holdFiles(look.poolFolder)).toEqual([]);
      expect(look.blocks.sealed).toBe(3);
    } finally {
      for (const fork of forks) {
        process.kill(fork, 'SIGKILL');
      }
    }
  });
});

test.concurrent.each(['store', 'load-async'] as const)(
  'killed in the middle of a %s: nothing half written is seen, and the space comes back',
  async (kind) => {
    await withRace(async (race) => {
      await race.serve(SMALL_POOL);
      const one = await race.engine(ONE_RANK);
      const other = await race.engine(ONE_RANK);
      const blocks = hashes('victim', 16);
      let slots: Buffer;
      if (kind === 'store') {
        slots = slotsOf(await one.reserve(1, blocks));
      } else {
        await storeContent(other, 1, blocks);
        ({ slots } = await one.query({ leaseId: 1, hashes: blocks, localHitBlocks: 0 }));
      }
      const content = Buffer.alloc(contentOf(blocks).length, 'half written');
      await one.send('hold', { slots, slotBytes: SLOT_BYTES });
      const copy = one.send('pauseInCopy', { kind, slots, content });
      copy.catch(() => undefined);
      await until('the engine is paused in its copy', () => isPaused(one.pid));
      const busy = await race.look();
      expect(busy.blocks).toEqual(
        kind === 'store'
          ? { reserved: 16, sealed: 0, pinned: 0 }
          : { reserved: 0, sealed: 16, pinned: 16 },
      );
      // While it is paused nobody gets its slots or sees its blocks.
      for (let id = 10; id < 16; id += 1) {
        await storeContent(other, id, hashes(`flood ${id}`, 16));
      }
      expect((await other.reserve(20, blocks)).outcomes.includes(0)).toBe(false);
      const hit = await other.query({ leaseId: 21, hashes: blocks, localHitBlocks: 0 });
      expect(hit.hitBlocks).toBe(kind === 'store' ? 0 : 16);
      await other.call('release', { leaseIds: [21] });

      await one.kill('SIGKILL');
      await expect(copy).rejects.toMatchObject({ code: 'PEGA_UNAVAILABLE' });
      await until('the engine is forgotten', async () => (await race.instance(one)) === undefined);
      expect(leaksOf(await race.look())).toEqual([]);
      if (kind === 'store') {
        await storeContent(other, 30, blocks);
      }
      expect((await loadContent(other, 31, blocks)).equals(contentOf(blocks))).toBe(true);
      // All of its space can be had: two times 32 blocks fill the pool.
      await storeContent(other, 40, hashes('all', 32));
      await storeContent(other, 41, hashes('of it', 32));
      expect(await race.look()).toMatchObject({
        blocks: { sealed: 64 },
        usedBytes: 64 * SLOT_BYTES,
      });
    });
  },
);

function isPaused(pid: number): boolean {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T');
}

// The server is paused, or dies and returns, between a grant and its use: between Query's answer and the
// hold, between Reserve and Seal. What the old boot granted is good while it lives and nothing after.

import { existsSync, readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
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
import { leaksOf, withRace } from './support/race.js';

const RANK = { rankSlotBytes: [SLOT_BYTES] };
const slotBytes = SLOT_BYTES;

test('paused after the grant: the grant is good, and ends when the server goes on', async () => {
  await withRace(async ({ serve, engine, look }) => {
    const server = await serve();
    const one = await engine(RANK);
    const blocks = hashes('granted', 6);
    await storeContent(one, 1, blocks);
    const { slots } = await one.query({ leaseId: 2, hashes: blocks, localHitBlocks: 0 });
    server.signal('SIGSTOP');
    await one.send('hold', { slots, slotBytes });
    expect((await readSlots(one, slots)).equals(contentOf(blocks))).toBe(true);
    await one.send('drop', { slots, slotBytes });
    const released = one.call('release', { leaseIds: [2] });
    server.signal('SIGCONT');
    await released;
    expect(leaksOf(await look())).toEqual([]);
  });
});

test('restarted after the grant: Hold refuses it, and no bit stays', async () => {
  await withRace(async ({ serve, engine, look }) => {
    const server = await serve();
    const one = await engine(RANK);
    const blocks = hashes('void', 6);
    await storeContent(one, 1, blocks);
    const { slots } = await one.query({ leaseId: 2, hashes: blocks, localHitBlocks: 0 });
    server.signal('SIGKILL');
    await server.ended;
    await serve();
    await expect(one.send('hold', { slots, slotBytes })).rejects.toMatchObject({
      code: 'PEGA_STALE_BOOT',
    });
    expect(await one.send('heldPages', {})).toBe(0);
    await expect(one.call('release', { leaseIds: [2] })).rejects.toMatchObject({
      code: 'PEGA_STALE_BOOT',
    });
    expect(leaksOf(await look())).toEqual([]);
  });
});

test('an engine paused over the restart: its hold is refused when it goes on', async () => {
  await withRace(async ({ serve, engine }) => {
    const server = await serve();
    const one = await engine(RANK);
    const blocks = hashes('slept', 4);
    await storeContent(one, 1, blocks);
    const { slots } = await one.query({ leaseId: 2, hashes: blocks, localHitBlocks: 0 });
    await one.kill('SIGSTOP');
    server.signal('SIGKILL');
    await server.ended;
    await serve();
    const other = await engine(RANK);
    await storeContent(other, 1, hashes('theirs', 4));
    const held = one.send('hold', { slots, slotBytes });
    await one.kill('SIGCONT');
    await expect(held).rejects.toMatchObject({ code: 'PEGA_STALE_BOOT' });
  });
});

test('restarted between Reserve and Seal: nothing is sealed, and the engine stores anew', async () => {
  await withRace(async ({ serve, engine, look }) => {
    const server = await serve();
    const one = await engine(RANK);
    const blocks = hashes('unsealed', 5);
    const answer = await one.reserve(1, blocks);
    const slots = slotsOf(answer);
    await one.send('hold', { slots, slotBytes });
    await one.send('write', { slots, content: contentOf(blocks) });
    const { poolFolder } = await look();
    const oldSlabs = slabFiles(poolFolder);
    server.signal('SIGKILL');
    await server.ended;
    await serve();
    expect(oldSlabs.length).toBeGreaterThan(0);
    expect(slabFiles(poolFolder).filter((name) => oldSlabs.includes(name))).toEqual([]);

    await expect(one.sealAll(1, answer)).rejects.toMatchObject({ code: 'PEGA_STALE_BOOT' });
    expect((await look()).blocks).toEqual({ reserved: 0, sealed: 0, pinned: 0 });

    const { bootNumber } = (await one.send('renew', {})) as { bootNumber: number };
    expect(bootNumber).toBeGreaterThan(one.joined.bootNumber);
    await expect(one.sealAll(1, answer)).rejects.toMatchObject({ code: 'PEGA_NOT_RESERVED' });
    await storeContent(one, 2, blocks);
    const other = await engine(RANK);
    expect((await loadContent(other, 1, blocks)).equals(contentOf(blocks))).toBe(true);
    expect(leaksOf(await look())).toEqual([]);
  });
});

test("the old boot's hold file goes when its engine does, under the new server", async () => {
  await withRace(async ({ serve, engine, look }) => {
    const server = await serve();
    const one = await engine(RANK);
    const { poolFolder } = await look();
    const [file = ''] = readdirSync(poolFolder).filter((name) => name.startsWith('hold-'));
    server.signal('SIGKILL');
    await server.ended;
    await serve();
    const other = await engine(RANK);
    await storeContent(other, 1, hashes('new', 1));
    expect(existsSync(`${poolFolder}/${file}`)).toBe(true);
    await one.kill('SIGKILL');
    await until('the file is gone', () => !existsSync(`${poolFolder}/${file}`));
  });
});

function slabFiles(folder: string): string[] {
  return readdirSync(folder).filter((name) => name.startsWith('slab-'));
}

// Two engines want to store the same blocks. The second is told that they are in flight; the first gives up,
// by Abandon or by death; the second asks again and stores them: no hole, and no wrong bytes.

import { expect, test } from 'vitest';
import { startRpcProxy } from '../../fixtures/rpc-proxy/rpc-proxy.js';
import { promptOf, withScene } from '../reference/support/processes.js';
import { hashes } from '../server/support/hashes.js';
import { until } from '../server/support/until.js';
import { contentOf, loadContent, SLOT_BYTES, slotsOf, storeContent } from './support/content.js';
import { leaksOf, lookAt, withRace } from './support/race.js';

const RANK = { rankSlotBytes: [SLOT_BYTES] };

test('Abandon of the first writer: the second gets slots, the late Seal of the first is refused', async () => {
  await withRace(async ({ serve, engine, look }) => {
    await serve();
    const first = await engine(RANK);
    const second = await engine(RANK);
    const blocks = hashes('wanted', 4);
    const answer = await first.reserve(1, blocks);
    const slots = slotsOf(answer);
    await first.send('write', { slots, content: Buffer.alloc(4 * SLOT_BYTES, 'wrong') });
    expect([...(await second.reserve(1, blocks)).outcomes]).toEqual([2, 2, 2, 2]);
    const early = await second.query({ leaseId: 2, hashes: blocks, localHitBlocks: 0 });
    expect(early.hitBlocks).toBe(0);
    // Two blocks by name, the others with the rest: there is no block in between that nobody has.
    const indices = Buffer.alloc(8);
    indices.writeUInt32LE(1, 0);
    indices.writeUInt32LE(3, 4);
    await first.call('abandon', { reservationId: 1, indices });
    const half = await second.reserve(3, blocks);
    expect([...half.outcomes]).toEqual([2, 0, 2, 0]);
    await first.call('abandon', { reservationId: 1 });
    const rest = await second.reserve(4, blocks);
    expect([...rest.outcomes]).toEqual([0, 2, 0, 2]);
    const [a, b, c, d] = [0, 1, 2, 3].map((i) => blocks.subarray(i * 16, i * 16 + 16));
    await second.send('write', {
      slots: Buffer.concat([slotsOf(half), slotsOf(rest)]),
      content: contentOf(Buffer.concat([b, d, a, c].map((hash) => hash ?? Buffer.alloc(0)))),
    });
    await expect(first.sealAll(1, answer)).rejects.toMatchObject({ code: 'PEGA_NOT_RESERVED' });
    expect(await second.sealAll(3, half)).toMatchObject({ sealedBlocks: 2 });
    expect(await second.sealAll(4, rest)).toMatchObject({ sealedBlocks: 2 });
    expect((await loadContent(first, 5, blocks)).equals(contentOf(blocks))).toBe(true);
    expect(leaksOf(await look())).toEqual([]);
  });
});

test('death of the first writer with half-written slots: they come back, and the second stores', async () => {
  await withRace(async ({ serve, engine, look, instance }) => {
    await serve();
    const first = await engine(RANK);
    const second = await engine(RANK);
    const blocks = hashes('wanted', 4);
    const slots = slotsOf(await first.reserve(1, blocks));
    await first.send('write', { slots, content: Buffer.alloc(4 * SLOT_BYTES, 'wrong') });
    expect([...(await second.reserve(1, blocks)).outcomes]).toEqual([2, 2, 2, 2]);
    await first.kill('SIGKILL');
    await until('the first is forgotten', async () => (await instance(first)) === undefined);
    await storeContent(second, 2, blocks);
    expect((await loadContent(second, 3, blocks)).equals(contentOf(blocks))).toBe(true);
    expect(leaksOf(await look())).toEqual([]);
  });
});

test.each(['gives up', 'dies'])(
  'workers: the first one %s while the second was told in flight; the second asks again',
  async (end) => {
    await withScene(async ({ folder, socket, serve, worker }) => {
      await serve();
      const proxy = await startRpcProxy(`${folder}/proxy.sock`, socket);
      const otherProxy = await startRpcProxy(`${folder}/other.sock`, socket);
      try {
        const prompt = promptOf(320, 7);
        const first = await worker({ socket: proxy.socket });
        const second = await worker({ socket: otherProxy.socket });
        const reserving = proxy.catchNext('Reserve', 'answer');
        const firstAnswer = first.complete(prompt);
        firstAnswer.catch(() => undefined);
        await reserving.caught;
        // Paused, so that its own deadline does not give the blocks up before the second has asked.
        first.child.signal('SIGSTOP');
        const told = otherProxy.catchNext('Reserve', 'answer');
        const { tokens } = await second.complete(prompt);
        await told.caught;
        expect(await told.letGo()).toBeUndefined();
        expect((await lookAt(socket)).blocks).toMatchObject({ reserved: 20, sealed: 0 });
        reserving.cut();
        first.child.signal(end === 'dies' ? 'SIGKILL' : 'SIGCONT');
        await until('the second has stored all', async () => {
          const { sealed, reserved } = (await lookAt(socket)).blocks;
          return sealed === 20 && reserved === 0;
        });
        await second.reset();
        expect(await second.complete(prompt)).toEqual({ tokens, cachedTokens: 304 });
        if (end === 'gives up') {
          expect((await firstAnswer).tokens).toEqual(tokens);
        }
        await until('nothing is held', async () => leaksOf(await lookAt(socket)).length === 0);
      } finally {
        await proxy.stop();
        await otherProxy.stop();
      }
    });
  },
);

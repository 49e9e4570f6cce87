// The calls of the path over the wire: what is refused, with which code, and that nothing is lost by it.

import { Client, credentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type EngineProcess,
  granted,
  startEngineProcess,
} from '../../fixtures/engine-process/engine-process.js';
import { LIMITS } from '../../src/limits.js';
import type { ReserveResponse } from '../../src/rpc/messages.js';
import { HASH_BYTES, hashes } from './support/hashes.js';
import { startTestServer, type TestServer } from './support/test-server.js';

let server: TestServer;
let engine: EngineProcess;
let other: EngineProcess;
let id = 0;
const next = (): number => {
  id += 1;
  return id;
};

beforeAll(async () => {
  server = await startTestServer();
  const { socket } = server.folder;
  engine = await startEngineProcess({ socket });
  other = await startEngineProcess({ socket });
});

beforeEach(async () => {
  // Whatever a test before refused: the server still serves.
  await expect(server.client.getPool({})).resolves.toMatchObject({ slabsRetired: 0 });
});

afterAll(async () => {
  await engine.kill('SIGKILL');
  await other.kill('SIGKILL');
  await server.stop();
});

const caller = (of: EngineProcess, changes: object = {}) => ({
  engineId: of.options.engineId,
  token: of.joined.tokens[0] ?? Buffer.alloc(0),
  bootNumber: of.joined.bootNumber,
  watermark: 0,
  ...changes,
});

const query = (changes: object) =>
  server.client.query({
    caller: caller(engine),
    leaseId: next(),
    hashes: hashes('x', 2),
    localHitBlocks: 0,
    ...changes,
  });

describe('who may call', () => {
  it.each([
    ['no caller', { caller: null }, 'PEGA_INVALID_ARGUMENT', 'caller is missing'],
    ['an engine id of 3 bytes', { engineId: Buffer.alloc(3) }, 'PEGA_INVALID_ARGUMENT', '3 bytes'],
    ['an unknown engine', { engineId: Buffer.alloc(16, 9) }, 'PEGA_NOT_FOUND', 'not registered'],
    ['no token', { token: Buffer.alloc(0) }, 'PEGA_WRONG_OWNER', 'token'],
    ['another boot', { bootNumber: 7 }, 'PEGA_STALE_BOOT', 'boot 7'],
  ])('refuses %s', async (_, changes, code, words) => {
    const failure = query('caller' in changes ? changes : { caller: caller(engine, changes) });
    await expect(failure).rejects.toMatchObject({
      code,
      message: expect.stringContaining(words),
    });
  });

  it("refuses another engine's token", async () => {
    const [token] = other.joined.tokens;
    await expect(query({ caller: caller(engine, { token }) })).rejects.toMatchObject({
      code: 'PEGA_WRONG_OWNER',
    });
  });

  it("refuses a worker's token", async () => {
    const token = engine.joined.tokens[1];
    await expect(query({ caller: caller(engine, { token }) })).rejects.toMatchObject({
      code: 'PEGA_WRONG_OWNER',
    });
  });
});

describe('Query', () => {
  it.each([
    ['hashes of 33 bytes', { hashes: Buffer.alloc(33) }, 'hashes has 33 bytes'],
    ['a local hit beyond the hashes', { localHitBlocks: 3 }, 'local_hit_blocks is 3'],
    ['lease id 0', { leaseId: 0 }, 'lease_id is 0'],
  ])('refuses %s', async (_, changes, words) => {
    await expect(query(changes)).rejects.toMatchObject({
      code: 'PEGA_INVALID_ARGUMENT',
      message: expect.stringContaining(words),
    });
  });

  it('refuses an id that was used', async () => {
    const blocks = hashes('reused', 1);
    await engine.store(next(), blocks);
    const leaseId = next();
    await query({ leaseId, hashes: blocks });
    await expect(query({ leaseId, hashes: blocks })).rejects.toMatchObject({
      code: 'PEGA_ID_REUSED',
    });
    await engine.call('release', { leaseIds: [leaseId] });
    await expect(query({ leaseId, hashes: blocks })).rejects.toMatchObject({
      code: 'PEGA_ID_REUSED',
    });
  });

  it('grants nothing to a query that comes after its release', async () => {
    const blocks = hashes('tombstone', 1);
    await engine.store(next(), blocks);
    const leaseId = next();
    await engine.call('release', { leaseIds: [leaseId] });
    await expect(query({ leaseId, hashes: blocks })).rejects.toMatchObject({
      code: 'PEGA_CANCELLED',
    });
  });

  it('refuses ids below the watermark', async () => {
    const watermark = next();
    await other.call('release', { leaseIds: [next()], caller: caller(other, { watermark }) });
    const request = { leaseId: watermark - 1, hashes: hashes('w', 1), localHitBlocks: 0 };
    await expect(other.query(request)).rejects.toMatchObject({ code: 'PEGA_ID_REUSED' });
  });

  it('refuses more hashes than one call may have', async () => {
    const count = LIMITS.hashesPerCallMax + 1;
    await expect(query({ hashes: Buffer.alloc(count * HASH_BYTES) })).rejects.toMatchObject({
      code: 'PEGA_LIMIT',
      message: expect.stringContaining(String(count)),
    });
  });
});

describe('Release', () => {
  it("leaves another engine's lease alone", async () => {
    const blocks = hashes('foreign', 2);
    await engine.store(next(), blocks);
    const leaseId = next();
    await query({ leaseId, hashes: blocks });
    const before = await server.client.getPool({});
    await other.call('release', { leaseIds: [leaseId] });
    expect((await server.client.getPool({})).pinnedBytes).toBe(before.pinnedBytes);
    await engine.call('release', { leaseIds: [leaseId] });
    expect((await server.client.getPool({})).pinnedBytes).toBe(before.pinnedBytes - 2 * 8192);
  });

  it('may be repeated, and refuses too many ids', async () => {
    const leaseIds = [next()];
    await engine.call('release', { leaseIds });
    await engine.call('release', { leaseIds });
    const tooMany = Array.from({ length: LIMITS.leasesPerReleaseMax + 1 }, () => 1);
    await expect(engine.call('release', { leaseIds: tooMany })).rejects.toMatchObject({
      code: 'PEGA_LIMIT',
    });
  });
});

describe('Reserve and Seal', () => {
  it('refuses to seal what was never reserved', async () => {
    const request = {
      reservationId: next(),
      indices: Buffer.alloc(4),
      generations: Buffer.alloc(8),
    };
    await expect(engine.call('seal', request)).rejects.toMatchObject({ code: 'PEGA_NOT_RESERVED' });
  });

  it('refuses another generation, seals nothing, and then seals with the right one', async () => {
    const reservationId = next();
    const answer = await engine.reserve(reservationId, hashes('generation', 2));
    const { indices, generations } = granted(answer, 1);
    const wrong = Buffer.from(generations);
    wrong.writeUInt8(wrong.readUInt8(8) + 1, 8);
    await expect(
      engine.call('seal', { reservationId, indices, generations: wrong }),
    ).rejects.toMatchObject({ code: 'PEGA_NOT_RESERVED' });
    await expect(engine.sealAll(reservationId, answer)).resolves.toMatchObject({ sealedBlocks: 2 });
    await expect(engine.sealAll(reservationId, answer)).resolves.toMatchObject({ sealedBlocks: 0 });
  });

  it("refuses to seal another engine's reservation", async () => {
    const reservationId = next();
    const answer = await engine.reserve(reservationId, hashes('theirs', 1));
    await expect(other.sealAll(reservationId, answer)).rejects.toMatchObject({
      code: 'PEGA_NOT_RESERVED',
    });
    await engine.call('abandon', { reservationId });
  });

  it('tells sealed, in flight and free apart; an abandoned block is free again', async () => {
    const sealed = hashes('s', 1);
    const inFlight = hashes('i', 1);
    await engine.store(next(), sealed);
    const reservationId = next();
    await engine.reserve(reservationId, inFlight);
    const all = Buffer.concat([sealed, inFlight, hashes('n', 1)]);
    const mine = next();
    expect([...(await other.reserve(mine, all)).outcomes]).toEqual([1, 2, 0]);
    await engine.call('abandon', { reservationId });
    await engine.call('abandon', { reservationId });
    expect([...(await other.reserve(next(), inFlight)).outcomes]).toEqual([0]);
  });

  it('leaves a tombstone when Abandon comes first', async () => {
    const reservationId = next();
    await engine.call('abandon', { reservationId });
    await expect(engine.reserve(reservationId, hashes('late', 1))).rejects.toMatchObject({
      code: 'PEGA_CANCELLED',
    });
  });

  it('refuses generations that do not fit the indices', async () => {
    const request = { reservationId: 1, indices: Buffer.alloc(8), generations: Buffer.alloc(8) };
    await expect(engine.call('seal', request)).rejects.toMatchObject({
      code: 'PEGA_INVALID_ARGUMENT',
      message: expect.stringContaining('generations has 8 bytes; required are 16'),
    });
  });

  it('refuses a parent of another length', async () => {
    await expect(engine.reserve(next(), hashes('p', 1), Buffer.alloc(3))).rejects.toMatchObject({
      code: 'PEGA_INVALID_ARGUMENT',
    });
  });
});

describe('the message limit', () => {
  it('is told before a message is sent', async () => {
    await expect(query({ hashes: Buffer.alloc(LIMITS.messageBytesMax) })).rejects.toMatchObject({
      code: 'PEGA_LIMIT',
      message: expect.stringContaining('8388608'),
    });
  });

  it('is kept by the server against a client that does not know it', async () => {
    const client = new Client(`unix:${server.folder.socket}`, credentials.createInsecure());
    const failure = await new Promise<{ code: number; details: string } | null>((resolve) => {
      client.makeUnaryRequest<Buffer, Buffer>(
        '/pega.v1.Pega/Query',
        (bytes) => bytes,
        (bytes) => bytes,
        Buffer.alloc(LIMITS.messageBytesMax + 1),
        resolve,
      );
    });
    client.close();
    expect(failure).toMatchObject({ code: 8, details: expect.stringContaining('8388608') });
  });

  it('bounds a reservation by the room for its slots in the answer', async () => {
    const ranks = 64;
    const wide = await startEngineProcess({
      socket: server.folder.socket,
      records: [0],
      rankSlotBytes: Array.from({ length: ranks }, () => 1),
      fields: { weights: 'wide' },
    });
    const most = Math.floor((LIMITS.messageBytesMax - 256) / (1 + ranks * 16));
    await expect(wide.reserve(1, hashes('wide', most + 1))).rejects.toMatchObject({
      code: 'PEGA_LIMIT',
      message: expect.stringContaining(String(most)),
    });
    const answer: ReserveResponse = await wide.reserve(2, hashes('wide', 100));
    await wide.sealAll(2, answer);
    const hit = await wide.query({ leaseId: 3, hashes: hashes('wide', 100), localHitBlocks: 0 });
    expect(hit.slots).toHaveLength(hit.hitBlocks * ranks * 8);
    await wide.kill('SIGKILL');
  });
});

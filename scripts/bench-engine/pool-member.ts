// One process of an engine as the server sees it: registered, its hold file locked, its session open.
//
// The measurements drive the path through it. It counts ids and the watermark, and repeats nothing.
import { randomBytes } from 'node:crypto';
import { EngineMemory } from '../../src/engine/engine-memory.js';
import { engineVersions } from '../../src/engine/measure.js';
import { PROTOCOL_VERSION, RESERVED_BYTES_ON_WIRE } from '../../src/limits.js';
import type { PegaClient, PegaSession } from '../../src/rpc/client.js';
import type { Caller, Identity, Layout } from '../../src/rpc/messages.js';

export const HASH_BYTES = 32;

export interface MemberOptions {
  client: PegaClient;
  engineId: Buffer;
  identity: Identity;
  /** A worker's layout; without it the member is the scheduler side. */
  layout?: Layout;
}

export interface Member {
  memory: EngineMemory;
  /** Who calls; ids below `watermark` are over. */
  caller(watermark: number): Caller;
  nextId(): number;
  leave(): Promise<void>;
}

export async function joinPool({
  client,
  engineId,
  identity,
  layout,
}: MemberOptions): Promise<Member> {
  const role = layout === undefined ? 'ROLE_SCHEDULER' : 'ROLE_WORKER';
  const answer = await client.register({
    protocolVersion: PROTOCOL_VERSION,
    sharedLayoutVersion: engineVersions().sharedLayoutVersion,
    engineId,
    role,
    rank: 0,
    identity,
    layout: layout ?? null,
    device: 'cpu',
    client: 'bench:engine',
    pid: process.pid,
  });
  const memory = EngineMemory.open({
    folder: { path: answer.folder, slabPath: answer.slabFolder },
    poolId: answer.poolId,
    engineId,
    nonce: answer.nonce,
    record: layout === undefined ? 0 : 1,
    rankCount: identity.rankCount,
    slabBytes: answer.slabBytes,
    ordinalCapacity: answer.ordinalCapacity,
    bootNumber: answer.bootNumber,
  });
  const { nonce, token, bootNumber } = answer;
  const session: PegaSession = client.session({ engineId, role, rank: 0, nonce, bootNumber });
  await session.welcome;
  let lastId = 0;
  return {
    memory,
    caller: (watermark) => ({ engineId, token, bootNumber, watermark }),
    nextId: () => {
      lastId += 1;
      return lastId;
    },
    leave: async () => {
      session.close();
      await session.closed;
      memory.close();
    },
  };
}

/** Random hashes of as many blocks, packed as on the wire. */
export function randomHashes(blocks: number): Buffer {
  return randomBytes(blocks * HASH_BYTES);
}

export interface Reservation {
  id: number;
  /** Packed addresses, block by block, rank by rank. */
  slots: Buffer;
  generations: Buffer;
}

/** Reserves new blocks; an error if one of them got no slot. */
export async function reserve(
  client: PegaClient,
  member: Member,
  hashes: Buffer,
): Promise<Reservation> {
  const id = member.nextId();
  const { outcomes, reserved } = await client.reserve({
    caller: member.caller(id),
    reservationId: id,
    parentHash: Buffer.alloc(0),
    hashes,
  });
  if (outcomes.some((outcome) => outcome !== 0)) {
    throw new Error('the pool has no room for the blocks of this measurement');
  }
  const count = reserved.length / RESERVED_BYTES_ON_WIRE;
  const slots = Buffer.alloc(count * 8);
  const generations = Buffer.alloc(count * 8);
  for (let index = 0; index < count; index += 1) {
    const from = index * RESERVED_BYTES_ON_WIRE;
    reserved.copy(slots, index * 8, from, from + 8);
    reserved.copy(generations, index * 8, from + 8, from + 16);
  }
  return { id, slots, generations };
}

export async function seal(
  client: PegaClient,
  member: Member,
  { id, generations }: Reservation,
  blocks: number,
): Promise<void> {
  const indices = Buffer.from(Uint32Array.from({ length: blocks }, (_, index) => index).buffer);
  await client.seal({ caller: member.caller(id), reservationId: id, indices, generations });
}

// Blocks with bytes in them: the content follows from the hash, so whoever reads a block can tell whether
// it is the right one.

import { createHash } from 'node:crypto';
import type { EngineProcess } from '../../../fixtures/engine-process/engine-process.js';
import { RESERVED_BYTES_ON_WIRE, SLOT_BYTES_ON_WIRE } from '../../../src/limits.js';
import type { ReserveResponse } from '../../../src/rpc/messages.js';
import { HASH_BYTES } from '../../server/support/hashes.js';

export const SLOT_BYTES = 256 * 1024;

/** What the blocks of these hashes hold, back to back. */
export function contentOf(hashes: Buffer): Buffer {
  const blocks: Buffer[] = [];
  for (let at = 0; at < hashes.length; at += HASH_BYTES) {
    const seed = createHash('sha256')
      .update(hashes.subarray(at, at + HASH_BYTES))
      .digest();
    blocks.push(Buffer.alloc(SLOT_BYTES, seed));
  }
  return Buffer.concat(blocks);
}

/** Slots of the blocks that were granted; one rank. */
export function slotsOf({ outcomes, reserved }: ReserveResponse): Buffer {
  const slots = [...outcomes.entries()]
    .filter(([, outcome]) => outcome === 0)
    .map(([index]) => {
      const at = index * RESERVED_BYTES_ON_WIRE;
      return reserved.subarray(at, at + SLOT_BYTES_ON_WIRE);
    });
  return Buffer.concat(slots);
}

/** Reserve, hold, copy, drop, seal: all blocks must get slots. */
export async function storeContent(engine: EngineProcess, id: number, hashes: Buffer) {
  const answer = await engine.reserve(id, hashes);
  const slots = slotsOf(answer);
  const blocks = hashes.length / HASH_BYTES;
  if (slots.length !== blocks * SLOT_BYTES_ON_WIRE) {
    throw new Error(`not all blocks got slots: ${[...answer.outcomes].join()}`);
  }
  await engine.send('hold', { slots, slotBytes: SLOT_BYTES });
  await engine.send('write', { slots, content: contentOf(hashes) });
  await engine.send('drop', { slots, slotBytes: SLOT_BYTES });
  return engine.sealAll(id, answer);
}

export async function readSlots(engine: EngineProcess, slots: Buffer): Promise<Buffer> {
  return Buffer.from((await engine.send('read', { slots, slotBytes: SLOT_BYTES })) as Buffer);
}

/** Query, hold, copy, drop, release: the content of the hit blocks. */
export async function loadContent(
  engine: EngineProcess,
  leaseId: number,
  hashes: Buffer,
): Promise<Buffer> {
  const { slots, hitBlocks } = await engine.query({ leaseId, hashes, localHitBlocks: 0 });
  if (hitBlocks === 0) {
    return Buffer.alloc(0);
  }
  await engine.send('hold', { slots, slotBytes: SLOT_BYTES });
  const content = await readSlots(engine, slots);
  await engine.send('drop', { slots, slotBytes: SLOT_BYTES });
  await engine.call('release', { leaseIds: [leaseId] });
  return content;
}

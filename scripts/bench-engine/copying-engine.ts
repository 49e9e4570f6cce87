// An engine with one rank that really copies: scheduler side and worker in this process, blocks of 2 MiB.
import { randomBytes } from 'node:crypto';
import { TransferEngine } from '../../src/engine/transfer.js';
import type { PegaClient } from '../../src/rpc/client.js';
import type { Identity } from '../../src/rpc/messages.js';
import { allocateHostBlocks, BLOCK_BYTES } from './host-blocks.js';
import { HASH_BYTES, joinPool, type Member } from './pool-member.js';

export interface CopyingEngine {
  scheduler: Member;
  /** Copies all blocks from or to these packed slots, which it holds meanwhile. */
  copy(kind: 'store' | 'load-sync', slots: Buffer): Promise<void>;
  close(): Promise<void>;
}

export async function startCopyingEngine(
  client: PegaClient,
  blockCount: number,
): Promise<CopyingEngine> {
  const engineId = randomBytes(16);
  const { memory, layout } = allocateHostBlocks(blockCount);
  const identity: Identity = {
    fields: { weights: 'bench:engine copies' },
    blockTokens: 16,
    hashBytes: HASH_BYTES,
    rankCount: 1,
    rankSlotBytes: [BLOCK_BYTES],
  };
  const scheduler = await joinPool({ client, engineId, identity });
  const worker = await joinPool({ client, engineId, identity, layout });
  const transfer = TransferEngine.create({
    memory: worker.memory,
    allocations: [memory],
    segments: layout.segments,
    blockCount,
  });
  worker.memory.reportReady(worker.memory.openSlabs(), true);
  const deviceBlocks = Uint32Array.from({ length: blockCount }, (_, index) => index);
  return {
    scheduler,
    copy: async (kind, slots) => {
      scheduler.memory.hold(slots, BLOCK_BYTES);
      await transfer.submit(kind, deviceBlocks, slots).done();
      scheduler.memory.drop(slots, BLOCK_BYTES);
    },
    close: async () => {
      await transfer.close();
      await worker.leave();
      await scheduler.leave();
    },
  };
}

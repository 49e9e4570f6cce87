// A connection whose answers the test gives, and which remembers what it was asked, in order.
import { PegaError } from '../../../src/errors.js';
import { rootHash } from '../../../src/reference/block-hash.js';
import type { BlockPool } from '../../../src/reference/block-pool.js';
import type { Connection } from '../../../src/reference/connection.js';
import { createRequest, type Request } from '../../../src/reference/request.js';

export const BLOCK_TOKENS = 4;
export const root = rootHash('test');

export function requestOf(length: number, salt = 0): Request {
  return createRequest({
    id: `r${salt}`,
    prompt: Array.from({ length }, (_, i) => i + salt * 100),
    maxTokens: 1,
    root,
    blockTokens: BLOCK_TOKENS,
    listener: { onToken: () => undefined, onEnd: () => undefined },
  });
}

/** Computes the prompt's blocks: allocated, complete, published. */
export function compute(pool: BlockPool, request: Request): void {
  request.blocks = pool.allocate(request.hashes.length) ?? [];
  request.hashes.forEach((hash, index) => {
    pool.publish(request.blocks[index] ?? -1, hash);
  });
  request.publishedBlocks = request.hashes.length;
}

export interface Grants {
  query(hashes: number, local: number): { sealedBefore: number[]; hitBlocks: number };
  /** Of each hash. */
  reserve(hashes: number): number[];
  copy(): Promise<void>;
  hold(): void;
}

export interface FakeConnection {
  connection: Connection;
  /** One word a call: "query", "hold 3", "load 3", "drop 3", "release 1", "seal 1:3" … */
  log: string[];
  held(): number;
  lose(): void;
}

export function fakeConnection(grants: Partial<Grants> = {}): FakeConnection {
  const log: string[] = [];
  const lost = new AbortController();
  let nextId = 0;
  let held = 0;
  const slots = (bytes: Uint8Array) => bytes.length / 8;
  const calls = {
    query: async (hashes: Buffer, local: number) => {
      log.push('query');
      nextId += 1;
      const leaseId = nextId;
      const answer = grants.query?.(hashes.length / 32, local) ?? {
        sealedBefore: [],
        hitBlocks: 0,
      };
      const packed = Buffer.alloc(answer.hitBlocks * 8);
      const sealedBefore = Buffer.from(answer.sealedBefore);
      return {
        leaseId,
        answer: { bootNumber: 1, sealedBefore, hitBlocks: answer.hitBlocks, slots: packed },
      };
    },
    release: async (id: number) => void log.push(`release ${id}`),
    reserve: async (_: Buffer, hashes: Buffer) => {
      nextId += 1;
      const count = hashes.length / 32;
      log.push(`reserve ${count}`);
      const outcomes = Buffer.from(grants.reserve?.(count) ?? new Array<number>(count).fill(0));
      const answer = { bootNumber: 1, outcomes, reserved: Buffer.alloc(count * 16) };
      return { reservationId: nextId, answer };
    },
    seal: async (id: number, indices: Buffer) => void log.push(`seal ${id}:${indices.length / 4}`),
    abandon: async (id: number, indices?: Buffer) =>
      void log.push(`abandon ${id}:${(indices?.length ?? 0) / 4}`),
    forgetReservation: (id: number) => void log.push(`forget ${id}`),
  };
  const connection = {
    bootNumber: 1,
    slotBytes: 4096,
    calls,
    lost: lost.signal,
    hold: (bytes: Uint8Array) => {
      grants.hold?.();
      log.push(`hold ${slots(bytes)}`);
      held += slots(bytes);
    },
    drop: (bytes: Uint8Array) => {
      log.push(`drop ${slots(bytes)}`);
      held -= slots(bytes);
    },
    copy: async (kind: string, blocks: readonly number[]) => {
      log.push(`${kind === 'store' ? 'store' : 'load'} ${blocks.length}`);
      await grants.copy?.();
    },
  } as unknown as Connection;
  return {
    connection,
    log,
    held: () => held,
    lose: () => lost.abort(new PegaError('PEGA_UNAVAILABLE', 'the server restarted')),
  };
}

/** Until promises that are ready have run. */
export function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

// Moments at which to interrupt a server or an engine: while slots are held, while leases and reservations
// are there, in the middle of a copy. Each is seen, in the pool's files or in the server's views; none is
// a matter of waiting long enough.

import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'vitest';
import type { PoolLook } from '../../races/support/race.js';
import { signalAll } from './engine-processes.js';
import { type HeldSlots, openHeldSlots } from './held-slots.js';
import type { PegaServer } from './pega-server.js';
import { expectAnswersTogether } from './suite.js';
import type { Vllm } from './vllm.js';
import type { Expected } from './workload.js';

const ROUNDS_MAX = 20;
/** Looks at the files between two turns of the event loop, which requests need. */
const LOOKS_PER_TURN = 50;

/** Until an engine holds slots: its copies are about to begin, or under way. False when `asked` ends first. */
export async function untilHeld(server: PegaServer, asked: Promise<unknown>): Promise<boolean> {
  let ended = false;
  const end = (): void => {
    ended = true;
  };
  void asked.then(end, end);
  while (server.heldPages().size === 0) {
    if (ended) {
      return false;
    }
    await turn();
  }
  return true;
}

/** Core and workers; the API server touches no slot. */
export function engineOf(vllm: Vllm): number[] {
  const { core, workers } = vllm.processes();
  return [core, ...workers];
}

export interface PausedEngine {
  look: PoolLook;
  /** The requests that wait for the engine to go on. */
  asked: Promise<PromiseSettledResult<void>[]>;
}

/**
 * Asks stored and new prompts at once, and pauses the engine's processes when it has pins and reserved
 * slots at the same time.
 * @param stored prompts that are in the pool.
 */
export async function pauseWithEverything(
  server: PegaServer,
  vllm: Vllm,
  stored: readonly Expected[],
): Promise<PausedEngine> {
  const engine = engineOf(vllm);
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    await vllm.reset();
    const asked = Promise.allSettled([
      expectAnswersTogether(vllm, stored, undefined),
      expectAnswersTogether(vllm, stored, `new ${vllm.name} ${round}`),
    ]);
    let answered = false;
    void asked.then(() => {
      answered = true;
    });
    while (!answered && !hasEverything(await server.look())) {
      await turn();
    }
    signalAll(engine, 'SIGSTOP');
    const look = await server.look();
    if (hasEverything(look)) {
      return { look, asked };
    }
    signalAll(engine, 'SIGCONT');
    expect((await asked).filter(({ status }) => status === 'rejected')).toEqual([]);
    await server.untilIdle();
  }
  throw new Error(`in ${ROUNDS_MAX} rounds there were never pins and reserved slots at once`);
}

const hasEverything = ({ pinnedBytes, blocks }: PoolLook): boolean =>
  pinnedBytes > 0 && blocks.pinned > 0 && blocks.reserved > 0;

export interface PausedStore {
  slots: HeldSlots;
  /** Of the prompts that were being stored. */
  cacheSalt: string;
  asked: Promise<void>;
}

/** Pauses the engine while a slot of a store is half written. REQUIRES: a pool that was never written. */
export async function pauseInStore(
  server: PegaServer,
  vllm: Vllm,
  prompts: readonly Expected[],
  slotBytes: number,
): Promise<PausedStore> {
  const engine = engineOf(vllm);
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const cacheSalt = `paused ${round}`;
    const asked = expectAnswersTogether(vllm, prompts, cacheSalt);
    await untilHeld(server, asked);
    const slots = await openHeldSlots(server, slotBytes);
    const seen = await untilHalfWritten(server, slots);
    signalAll(engine, 'SIGSTOP');
    if (seen && slots.halfWritten()) {
      return { slots, cacheSalt, asked };
    }
    signalAll(engine, 'SIGCONT');
    slots.close();
    await asked;
    await server.untilIdle();
  }
  throw new Error(`in ${ROUNDS_MAX} rounds no slot was seen half written`);
}

/** False when the engine has let go of everything first. */
async function untilHalfWritten(server: PegaServer, slots: HeldSlots): Promise<boolean> {
  while (server.heldPages().size > 0) {
    for (let look = 0; look < LOOKS_PER_TURN; look += 1) {
      if (slots.halfWritten()) {
        return true;
      }
    }
    await turn();
  }
  return false;
}

// What the bench sees of `pega serve` while it measures an engine: filled, sealed, bytes moved.
//
// Read-only, over the same calls as `pega inspect`. Waits are bounded and end on what the server shows.
import { setTimeout as sleep } from 'node:timers/promises';
import { PegaError } from '../errors.js';
import type { PegaClient } from '../rpc/client.js';
import type { Instance } from '../rpc/messages.js';

export interface PegaSnapshot {
  serverVersion: string;
  sealedBlocks: number;
  /** Blocks that are being filled. */
  openBlocks: number;
  /** As the engine reported; null unless exactly one engine is there to have moved them. */
  loadBytes: number | null;
  storeBytes: number | null;
  /** Of one block, all ranks. */
  blockBytes: number | null;
  blockTokens: number | null;
}

const LOOK_AGAIN_MS = 50;
const FILLED_TIMEOUT_MS = 120_000;
const SEALED_TIMEOUT_MS = 30_000;
/** Nothing new is sealed for so long: no store is on its way. */
const QUIET_MS = 500;
/** Engines report about once a second; one that shares busy cores was seen to take over three. */
const REPORT_TIMEOUT_MS = 10_000;

export async function pegaSnapshot(client: PegaClient): Promise<PegaSnapshot> {
  const [pool, { instances }, { namespaces }] = await Promise.all([
    client.getPool({}),
    client.listInstances({}),
    client.getBlocks({}),
  ]);
  const living = instances.filter(({ dying }) => !dying);
  const [only] = living;
  const one = living.length === 1 ? only : undefined;
  return {
    serverVersion: pool.serverVersion,
    sealedBlocks: pool.totals?.sealed ?? 0,
    openBlocks: namespaces.reduce((sum, { reserved }) => sum + reserved, 0),
    loadBytes: one ? reported(one, 'loadBytes') : null,
    storeBytes: one ? reported(one, 'storeBytes') : null,
    blockBytes: one?.identity?.rankSlotBytes.reduce((sum, bytes) => sum + bytes, 0) ?? null,
    blockTokens: one?.identity?.blockTokens ?? null,
  };
}

function reported(instance: Instance, field: 'loadBytes' | 'storeBytes'): number {
  return instance.processes.reduce((sum, { report }) => sum + (report?.[field] ?? 0), 0);
}

/** Until the whole pool can be used: a pool still filling answers "full" where it would not later. */
export async function untilFilled(client: PegaClient, signal: AbortSignal): Promise<void> {
  const filled = await look(FILLED_TIMEOUT_MS, signal, async () => {
    const pool = await client.getPool({});
    return pool.slabsReady + pool.slabsRetired >= pool.slabsTotal;
  });
  if (!filled) {
    throw new PegaError('PEGA_TIMEOUT', `the pool was not filled in ${FILLED_TIMEOUT_MS} ms`);
  }
}

/** Until every store that the engine began is sealed or abandoned. */
export async function untilSealed(client: PegaClient, signal: AbortSignal): Promise<void> {
  let sealed = -1;
  let open = 0;
  let changedMs = performance.now();
  const quiet = await look(SEALED_TIMEOUT_MS, signal, async () => {
    const now = await pegaSnapshot(client);
    if (now.sealedBlocks !== sealed || now.openBlocks > 0) {
      changedMs = performance.now();
    }
    sealed = now.sealedBlocks;
    open = now.openBlocks;
    return performance.now() - changedMs >= QUIET_MS;
  });
  if (!quiet) {
    throw new PegaError(
      'PEGA_INVALID_RUN',
      `${open} blocks were still being stored ${SEALED_TIMEOUT_MS} ms after the last answer`,
      { suggestions: ['make sure that nothing else uses this server, and run again'] },
    );
  }
}

/** The first snapshot in which the engine has reported these totals, or the newest when it does not. */
export async function untilReported(
  client: PegaClient,
  least: { loadBytes: number; storeBytes: number },
  signal: AbortSignal,
): Promise<PegaSnapshot> {
  let newest = await pegaSnapshot(client);
  await look(REPORT_TIMEOUT_MS, signal, async () => {
    newest = await pegaSnapshot(client);
    const { loadBytes, storeBytes } = newest;
    return (
      loadBytes === null ||
      storeBytes === null ||
      (loadBytes >= least.loadBytes && storeBytes >= least.storeBytes)
    );
  });
  return newest;
}

async function look(
  timeoutMs: number,
  signal: AbortSignal,
  seen: () => Promise<boolean>,
): Promise<boolean> {
  const deadlineMs = performance.now() + timeoutMs;
  while (!(await seen())) {
    if (performance.now() >= deadlineMs) {
      return false;
    }
    await sleep(LOOK_AGAIN_MS, undefined, { signal });
  }
  return true;
}

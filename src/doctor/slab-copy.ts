// A real copy between two processes: this one is server and scheduler side, the doctor's own process the
// worker. A pattern goes from here into slots, from there into the worker's (or its GPU's) memory and
// into other slots, and is compared here.
//
// The pool is a small one of its own beside whatever runs; its folder goes at the end. What a killed
// doctor left is removed by a later one.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EngineMemory } from '../engine/engine-memory.js';
import { randomBytesFast } from '../engine/measure.js';
import { Pool } from '../engine/pool.js';
import { TransferEngine } from '../engine/transfer.js';
import { PegaError } from '../errors.js';
import { runTask, type TaskSurroundings } from './native-process.js';
import type { CopyAnswer } from './native-tasks.js';

export interface SlabCopyOptions extends TaskSurroundings {
  poolDir: string;
  /** Undefined: slabs lie in poolDir. */
  slabDir: string | undefined;
  hugePages: boolean;
  /** Of the doctor's pool, at least 32 MiB: half of it is loaded, half is stored to. */
  poolBytes: number;
  gpu: { ordinal: number; busId: string } | null;
  root: string;
}

export interface SlabCopy extends CopyAnswer {
  /** To make and fill the pool. */
  fillSeconds: number;
}

/** A block of 16 tokens of Llama-3.1-8B: 64 KiB in each of 32 layers. */
const LAYERS = 32;
const LAYER_BYTES = 65_536;
const SLOT_BYTES = LAYERS * LAYER_BYTES;
const SECONDS_EACH_WAY = 0.5;
const HASH_BYTES = 16;
const GRANT_BYTES = 16;
const SLOT_WORD_BYTES = 8;
const FOLDER_PREFIX = 'pega-doctor-';
const LEFT_BEHIND_AFTER_MS = 3_600_000;

/** PEGA_CHECK_FAILED: bytes arrived changed. Else what making the pool or copying failed with. */
export async function copyThroughSlab(options: SlabCopyOptions): Promise<SlabCopy> {
  const folders = [options.poolDir, ...(options.slabDir === undefined ? [] : [options.slabDir])];
  folders.forEach(removeLeftBehind);
  // Never the folders themselves: a server's slabs may lie there.
  const own = folders.map((folder) => mkdtempSync(join(folder, FOLDER_PREFIX)));
  try {
    const [poolDir = '', slabDir = ''] = own;
    const startMs = performance.now();
    const { poolBytes, hugePages } = options;
    const pool = Pool.create({ poolDir, slabDir, poolBytes, hugePages });
    try {
      await untilFilled(pool, options.signal);
      const fillSeconds = (performance.now() - startMs) / 1000;
      return { ...(await throughPool(pool, options)), fillSeconds };
    } finally {
      pool.close();
    }
  } finally {
    for (const folder of own) {
      rmSync(folder, { recursive: true, force: true });
    }
  }
}

async function throughPool(pool: Pool, options: SlabCopyOptions): Promise<CopyAnswer> {
  const blocks = Math.floor(options.poolBytes / SLOT_BYTES / 2);
  const sources = await reserveSlots(pool, blocks);
  const targets = await reserveSlots(pool, blocks);
  const { folder, poolId, slabBytes, ordinalCapacity, bootNumber } = pool;
  const shared = { folder, slabBytes, ordinalCapacity, bootNumber };
  const ids = { poolId, engineId: randomBytes(16), nonce: randomBytes(16) };
  const memory = EngineMemory.open({ ...shared, ...ids, record: 0, rankCount: 1 });
  try {
    memory.hold(Buffer.concat([sources, targets]), SLOT_BYTES);
    const sent = randomBytesFast(blocks * SLOT_BYTES);
    await moveBlocks(memory, 'store', sent, sources);
    const base64 = (bytes: Buffer) => bytes.toString('base64');
    const answer = await runTask(
      'copy',
      {
        gpu: options.gpu?.ordinal ?? null,
        busId: options.gpu?.busId ?? '',
        root: options.root,
        pool: {
          ...shared,
          poolId: base64(ids.poolId),
          engineId: base64(ids.engineId),
          nonce: base64(ids.nonce),
        },
        ...{ layers: LAYERS, layerBytes: LAYER_BYTES, seconds: SECONDS_EACH_WAY },
        ...{ sources: base64(sources), targets: base64(targets) },
      },
      options,
    );
    const came = Buffer.alloc(sent.length);
    await moveBlocks(memory, 'load-sync', came, targets);
    refuseChanged(sent, came);
    return answer;
  } finally {
    memory.close();
  }
}

/** Slots for blocks of one rank, as a Reserve grants them; one engine may have half of a pool. */
async function reserveSlots(pool: Pool, count: number): Promise<Buffer> {
  const engine = pool.addEngine(pool.openNamespace(randomBytes(32), HASH_BYTES, [SLOT_BYTES]));
  const hashes = randomBytes(count * HASH_BYTES);
  const { outcomes, reserved } = await pool.reserve(engine, 1, Buffer.alloc(0), hashes);
  if (outcomes.some((outcome) => outcome !== 0)) {
    throw new PegaError('PEGA_INTERNAL', 'a pool of its own had no room for the doctor');
  }
  return Buffer.concat(
    Array.from({ length: count }, (_, index) =>
      reserved.subarray(index * GRANT_BYTES, index * GRANT_BYTES + SLOT_WORD_BYTES),
    ),
  );
}

async function moveBlocks(
  memory: EngineMemory,
  kind: 'store' | 'load-sync',
  bytes: Buffer,
  slots: Buffer,
): Promise<void> {
  const blockCount = slots.length / SLOT_WORD_BYTES;
  const whole = { layer: 0, allocation: 0, offsetBytes: 0 };
  const engine = TransferEngine.create({
    memory,
    allocations: [bytes],
    segments: [{ ...whole, blockStrideBytes: SLOT_BYTES, bytes: SLOT_BYTES }],
    blockCount,
  });
  try {
    const inOrder = Uint32Array.from({ length: blockCount }, (_, index) => index);
    await engine.submit(kind, inOrder, slots).done();
  } finally {
    await engine.close();
  }
}

function refuseChanged(sent: Buffer, came: Buffer): void {
  if (sent.equals(came)) {
    return;
  }
  const blocks = Array.from({ length: sent.length / SLOT_BYTES }, (_, block) => block);
  const changed = blocks.filter((block) => {
    const [start, end] = [block * SLOT_BYTES, (block + 1) * SLOT_BYTES];
    return !sent.subarray(start, end).equals(came.subarray(start, end));
  });
  throw new PegaError(
    'PEGA_CHECK_FAILED',
    `${changed.length} of ${blocks.length} blocks came back with other bytes`,
    { suggestions: ['do not use pega on this machine, and report it with `pega doctor --json`'] },
  );
}

async function untilFilled(pool: Pool, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    pool.poll();
    const { error } = pool.fillProgress();
    if (error !== null) {
      throw new PegaError('PEGA_NO_SPACE', error.message);
    }
    if (pool.stats().slabsReady === pool.slabsTotal) {
      return;
    }
    await sleep(2);
  }
}

/** No doctor runs for an hour. */
function removeLeftBehind(folder: string): void {
  for (const name of readdirSync(folder).filter((entry) => entry.startsWith(FOLDER_PREFIX))) {
    const path = join(folder, name);
    const found = statSync(path, { throwIfNoEntry: false });
    if (
      found?.uid === process.getuid?.() &&
      Date.now() - (found?.mtimeMs ?? 0) > LEFT_BEHIND_AFTER_MS
    ) {
      rmSync(path, { recursive: true, force: true });
    }
  }
}

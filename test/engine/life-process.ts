// The scenes of process-life.test.ts: each starts something in a process of its own and leaves it so.
import { randomBytes } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

import { EngineMemory } from '../../src/engine/engine-memory.js';
import { Pool } from '../../src/engine/pool.js';
import { ReferenceModel } from '../../src/engine/reference-model.js';
import { TransferEngine } from '../../src/engine/transfer.js';
import { addEngine, filled, grantsAt, hashesOf, MIB, NO_PARENT } from './pool-fixture.js';

const BLOCKS = 24;
const say = (line: string) => process.stdout.write(`${line}\n`);

/** A pool, a memory and an engine on it, with slots to copy to. */
async function start(dir: string) {
  const pool = Pool.create({ poolDir: dir, poolBytes: 64 * MIB, fillThreads: 1 });
  await filled(pool);
  const { folder, poolId, slabBytes, ordinalCapacity, bootNumber } = pool;
  const memory = EngineMemory.open({
    ...{ folder, poolId, slabBytes, ordinalCapacity, bootNumber, record: 1, rankCount: 1 },
    ...{ engineId: randomBytes(16), nonce: randomBytes(16) },
  });
  const engine = TransferEngine.create({
    ...{ memory, threads: 1, blockCount: BLOCKS, allocations: [Buffer.alloc(BLOCKS * MIB, 1)] },
    segments: [{ layer: 0, allocation: 0, offsetBytes: 0, blockStrideBytes: MIB, bytes: MIB }],
  });
  const names = Array.from({ length: BLOCKS }, (_, index) => `b${index}`);
  const { reserved } = await pool.reserve(addEngine(pool, [MIB]), 1, NO_PARENT, hashesOf(names));
  const { slots } = grantsAt(reserved, [...names.keys()], 1);
  const blocks = Uint32Array.from(names, (_, index) => index);
  return { pool, memory, engine, store: () => engine.submit('store', blocks, slots) };
}

function startForward(): Promise<Int32Array> {
  const shape = { layers: 4, heads: 4, kvHeads: 4, headDim: 32, ffn: 512, vocab: 512 };
  const model = ReferenceModel.create({
    ...{ shape: { ...shape, blockTokens: 16, context: 256 }, seed: 1, blockCount: 16 },
  });
  const tokens = new Int32Array(256).fill(3);
  const blockTable = Uint32Array.from({ length: 16 }, (_, index) => index);
  return model.forward([{ tokens, position: 0, blockTable, sample: true }]);
}

const SCENES: Record<string, (dir: string) => Promise<void>> = {
  idle: async (dir) => {
    const { store } = await start(dir);
    await store().done();
    say('idle');
  },
  job: async (dir) => {
    const { store } = await start(dir);
    void store()
      .done()
      .then(() => say('stored'));
    say('submitted');
  },
  forward: async () => {
    void startForward().then(() => say('token'));
    say('started');
  },
  exit: async (dir) => {
    const { store } = await start(dir);
    for (let job = 0; job < 20; job += 1) {
      store();
    }
    void startForward();
    process.exit(7);
  },
  thread: async (dir) => {
    // tsx's loader reaches no thread by itself.
    const here = JSON.stringify(import.meta.url);
    const script = `import('tsx/esm/api').then(({ tsImport }) => tsImport(${here}, ${here}))`;
    const worker = new Worker(script, { eval: true, workerData: dir });
    await new Promise((resolve) => worker.once('message', resolve));
    await worker.terminate();
    say('ended');
  },
  collected: async (dir) => {
    const { pool, memory } = await start(dir).then(({ pool, memory, store }) => {
      store();
      return { pool, memory };
    });
    // The engine is gone from here: it ends its job, then it is collected and leaves the memory.
    for (let closed = false; !closed; ) {
      await nextTurn();
      globalThis.gc?.();
      try {
        memory.close();
        closed = true;
      } catch {
        // its transfer engine is still there
      }
    }
    pool.close();
    say('closed');
  },
};

if (isMainThread) {
  const [scene = '', dir = ''] = process.argv.slice(2);
  await SCENES[scene]?.(dir);
} else {
  const { store } = await start(workerData as string);
  for (let job = 0; job < 20; job += 1) {
    store();
  }
  void startForward();
  parentPort?.postMessage('running');
}

// A server and a reference worker for one run: started, used, stopped, and every file of theirs removed,
// also when the run fails or is interrupted.
//
// They are real processes over the real socket; nothing here is a shortcut into either.
import { tmpdir } from 'node:os';
import type { ModelShape } from '../engine/reference-model.js';
import { type Child, startChild } from '../process/child.js';
import type { Progress } from '../progress.js';
import type { PegaClient } from '../rpc/client.js';
import { diedOf, NOT_FOR_US, stopAfter, whileAlive, withOwnServer } from './own-server.js';
import { untilFilled } from './pega-view.js';
import { withRunFolder } from './run-folder.js';

export interface EmbeddedOptions {
  poolBytes: number;
  /** Of the worker's model, and its KV blocks. */
  shape: ModelShape;
  blocks: number;
  signal: AbortSignal;
  progress: Progress;
}

export interface Embedded {
  url: string;
  pega: PegaClient;
  /** The caller's signal, or the end of a process that should be there. */
  signal: AbortSignal;
}

const WORKER_READY_MS = 120_000;
/** A late answer shows in the TTFT; it must not turn a hit into a prefill on a busy machine. */
const QUERY_DEADLINE_MS = 2000;

export function withEmbedded<T>(
  options: EmbeddedOptions,
  use: (embedded: Embedded) => Promise<T>,
): Promise<T> {
  return withRunFolder(tmpdir(), (folder) =>
    withOwnServer({ ...options, folder, device: 'cpu' }, async ({ socket, pega, died }) => {
      options.progress.note('starting the reference worker …');
      const worker = await startWorker(options, socket);
      return stopAfter(worker, () =>
        whileAlive(options.signal, [died, diedOf(worker)], async (signal) => {
          await untilFilled(pega, signal);
          return await use({ url: worker.pair('url'), pega, signal });
        }),
      );
    }),
  );
}

function startWorker(options: EmbeddedOptions, socket: string): Promise<Child> {
  const { shape } = options;
  const flags = {
    socket,
    layers: shape.layers,
    heads: shape.heads,
    'kv-heads': shape.kvHeads,
    'head-dim': shape.headDim,
    ffn: shape.ffn,
    vocab: shape.vocab,
    'block-tokens': shape.blockTokens,
    context: shape.context,
    blocks: options.blocks,
    'query-deadline-ms': QUERY_DEADLINE_MS,
  };
  return startChild({
    name: 'pega reference',
    args: [
      'reference',
      ...Object.entries(flags).flatMap(([name, value]) => [`--${name}`, `${value}`]),
    ],
    env: NOT_FOR_US,
    readyTimeoutMs: WORKER_READY_MS,
    signal: options.signal,
  });
}

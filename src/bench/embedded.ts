// A server and a reference worker for one run: started, used, stopped, and every file of theirs removed,
// also when the run fails or is interrupted.
//
// They are real processes over the real socket; nothing here is a shortcut into either.
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ModelShape } from '../engine/reference-model.js';
import { PegaError } from '../errors.js';
import { type Child, startChild } from '../process/child.js';
import { connectPega, type PegaClient } from '../rpc/client.js';
import { untilFilled } from './pega-view.js';
import type { Progress } from './progress.js';
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

const SERVER_READY_MS = 60_000;
const WORKER_READY_MS = 120_000;
/** A late answer shows in the TTFT; it must not turn a hit into a prefill on a busy machine. */
const QUERY_DEADLINE_MS = 2000;
const POOL_PARENT = '/dev/shm';
/** Variables of `pega serve` that a user may have set for a server of their own. */
const NOT_FOR_US = { PEGA_CONFIG: '', PEGA_SLAB_DIR: '', PEGA_GROUP: '', PEGA_LOG_LEVEL: '' };

export async function withEmbedded<T>(
  options: EmbeddedOptions,
  use: (embedded: Embedded) => Promise<T>,
): Promise<T> {
  return withRunFolder(POOL_PARENT, (poolDir) =>
    // Socket paths may have 107 bytes: not in the current folder.
    withRunFolder(tmpdir(), async (runDir) => {
      const socket = join(runDir, 'pega.sock');
      options.progress.note('starting the server …');
      const server = await startServer(options, poolDir, socket);
      return stopAfter(server, async () => {
        const pega = connectPega({ socket });
        try {
          options.progress.note('starting the reference worker …');
          const worker = await startWorker(options, socket);
          return await stopAfter(worker, async () => {
            const signal = AbortSignal.any([options.signal, lost([server, worker])]);
            await untilFilled(pega, signal);
            return await use({ url: worker.pair('url'), pega, signal });
          });
        } finally {
          pega.close();
        }
      });
    }),
  );
}

function startServer(options: EmbeddedOptions, poolDir: string, socket: string): Promise<Child> {
  return startChild({
    name: 'pega serve',
    args: [
      'serve',
      ...['--device', 'cpu', '--addr', '127.0.0.1:0', '--http-addr', '127.0.0.1:0'],
      ...['--socket', socket, '--pool-dir', poolDir, '--pool-size', String(options.poolBytes)],
    ],
    env: NOT_FOR_US,
    readyTimeoutMs: SERVER_READY_MS,
    signal: options.signal,
  });
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

async function stopAfter<T>(child: Child, use: () => Promise<T>): Promise<T> {
  try {
    return await use();
  } finally {
    await child.stop();
  }
}

/** Aborted when one of the processes ends by itself: its requests would fail one by one without a reason. */
function lost(children: readonly Child[]): AbortSignal {
  const controller = new AbortController();
  for (const child of children) {
    void child.ended.then(({ exitCode, signal }) => {
      const last = child.stderrTail().slice(-5).join('\n  ');
      controller.abort(
        new PegaError(
          'PEGA_UNAVAILABLE',
          `${child.name} ended during the run (${signal ?? `exit code ${exitCode}`}); its last lines:\n  ${last}`,
        ),
      );
    });
  }
  return controller.signal;
}

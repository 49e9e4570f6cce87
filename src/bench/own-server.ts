// A `pega serve` for one run, with its pool and socket: started, used, stopped, and every file of it
// removed, also when the run fails or is interrupted.
//
// It is a real process over the real socket. Which engine uses it is the caller's.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PegaError, toPegaError } from '../errors.js';
import { type Child, startChild } from '../process/child.js';
import type { Progress } from '../progress.js';
import { connectPega, type PegaClient } from '../rpc/client.js';
import { withRunFolder } from './run-folder.js';

export interface OwnServerOptions {
  /** For the socket; socket paths may have 107 bytes. */
  folder: string;
  poolBytes: number;
  device: 'cpu' | 'gpu';
  signal: AbortSignal;
  progress: Progress;
}

export interface OwnServer {
  socket: string;
  pega: PegaClient;
  /** Resolves when the server ends by itself. */
  died: Promise<PegaError>;
}

const READY_MS = 60_000;
const POOL_PARENT = '/dev/shm';
/** Variables of `pega serve` that a user may have set for a server of their own. */
export const NOT_FOR_US = {
  PEGA_CONFIG: '',
  PEGA_SLAB_DIR: '',
  PEGA_GROUP: '',
  PEGA_LOG_LEVEL: '',
};

export function withOwnServer<T>(
  options: OwnServerOptions,
  use: (server: OwnServer) => Promise<T>,
): Promise<T> {
  return withRunFolder(POOL_PARENT, async (poolDir) => {
    const socket = join(options.folder, 'pega.sock');
    options.progress.note('starting the server …');
    const server = await startServer(options, poolDir, socket);
    return stopAfter(server, async () => {
      const pega = connectPega({ socket });
      try {
        return await use({ socket, pega, died: diedOf(server) });
      } finally {
        pega.close();
      }
    });
  });
}

function startServer(options: OwnServerOptions, poolDir: string, socket: string): Promise<Child> {
  return startChild({
    name: 'pega serve',
    args: [
      'serve',
      ...(options.device === 'cpu' ? ['--device', 'cpu'] : []),
      ...['--addr', '127.0.0.1:0', '--http-addr', '127.0.0.1:0', '--socket', socket],
      ...['--pool-dir', poolDir, '--pool-size', String(options.poolBytes)],
    ],
    env: NOT_FOR_US,
    readyTimeoutMs: READY_MS,
    signal: options.signal,
  });
}

export async function stopAfter<T>(
  started: { stop(): Promise<unknown> },
  use: () => Promise<T>,
): Promise<T> {
  try {
    return await use();
  } finally {
    await started.stop();
  }
}

export async function diedOf(child: Child): Promise<PegaError> {
  const { exitCode, signal } = await child.ended;
  const last = child.stderrTail().slice(-5).join('\n  ');
  return new PegaError(
    'PEGA_UNAVAILABLE',
    `${child.name} ended during the run (${signal ?? `exit code ${exitCode}`}); its last lines:\n  ${last}`,
  );
}

/** A request fails some moments before its process is seen to be gone. */
const DEATH_SEEN_MS = 3000;

/**
 * Aborts what is done when a process that should be there ends, and throws that end: not the failures of
 * single requests that follow from it.
 */
export async function whileAlive<T>(
  signal: AbortSignal,
  deaths: readonly Promise<PegaError>[],
  use: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const dead = new AbortController();
  const either = AbortSignal.any([signal, dead.signal]);
  const death = Promise.race(deaths).then((error) => dead.abort(error));
  try {
    return await use(either);
  } catch (thrown) {
    if (toPegaError(thrown).code === 'PEGA_UNAVAILABLE') {
      await Promise.race([
        death,
        sleep(DEATH_SEEN_MS, undefined, { signal }).catch(() => undefined),
      ]);
    }
    either.throwIfAborted();
    throw thrown;
  }
}

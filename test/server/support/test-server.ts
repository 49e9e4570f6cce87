// A server in this process, on real sockets, with its own pool folder; or `pega serve` as a process.
//
// Engines are always processes of their own: the server could not see locks of its own process.

import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { formatHostPort } from '../../../src/config/addresses.js';
import { resolveServeConfig } from '../../../src/config/serve-config.js';
import { createLogger } from '../../../src/log.js';
import { type Child, startChild } from '../../../src/process/child.js';
import { connectPega, type PegaClient } from '../../../src/rpc/client.js';
import { type RunningServer, startServer } from '../../../src/server/server.js';

export interface TestFolder {
  readonly path: string;
  readonly socket: string;
  remove(): void;
}

/** On tmpfs: a pool can lie there. */
export function makeTestFolder(): TestFolder {
  const path = mkdtempSync('/dev/shm/pega-serve-test-');
  return {
    path,
    socket: join(path, 'pega.sock'),
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

export const POOL_SIZE = '64mb';

/** Flags of a server that meets no other one. */
export function serveFlags(folder: TestFolder): Record<string, string> {
  return {
    addr: '127.0.0.1:0',
    'http-addr': '127.0.0.1:0',
    socket: folder.socket,
    device: 'cpu',
    'pool-size': POOL_SIZE,
    'pool-dir': folder.path,
    'log-level': 'silent',
  };
}

export interface TestServer {
  readonly running: RunningServer;
  readonly client: PegaClient;
  readonly folder: TestFolder;
  readonly httpUrl: string;
  stop(): Promise<void>;
}

export async function startTestServer(flags: Record<string, string> = {}): Promise<TestServer> {
  const folder = makeTestFolder();
  const config = resolveServeConfig({
    flags: { ...serveFlags(folder), ...flags },
    environment: {},
    file: undefined,
  });
  const log = createLogger({ name: 'test', level: config.logLevel });
  const running = await startServer({ config, log, environment: {} }).catch((failure: unknown) => {
    folder.remove();
    throw failure;
  });
  const client = connectPega({ socket: folder.socket });
  return {
    running,
    client,
    folder,
    httpUrl: `http://${formatHostPort(running.http)}`,
    stop: async () => {
      client.close();
      await running.stop();
      folder.remove();
    },
  };
}

export function startServeProcess(
  flags: Record<string, string>,
  env: Record<string, string> = {},
): Promise<Child> {
  return startChild({
    name: 'pega serve',
    args: ['serve', ...Object.entries(flags).map(([name, value]) => `--${name}=${value}`)],
    env,
    readyTimeoutMs: 30_000,
  });
}

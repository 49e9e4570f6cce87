// What a race needs: servers as processes, engine processes, proxies between them, and a look at the pool
// from outside. Whatever was started is ended, paused or not.

import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  type EngineProcess,
  startEngineProcess,
} from '../../../fixtures/engine-process/engine-process.js';
import type { EngineProcessOptions } from '../../../fixtures/engine-process/protocol.js';
import { type RpcProxy, startRpcProxy } from '../../../fixtures/rpc-proxy/rpc-proxy.js';
import type { Child } from '../../../src/process/child.js';
import { connectPega } from '../../../src/rpc/client.js';
import type { Instance } from '../../../src/rpc/messages.js';
import { serveFlags, startServeProcess } from '../../server/support/test-server.js';

export interface Race {
  readonly folder: string;
  readonly socket: string;
  serve(flags?: Record<string, string>): Promise<Child>;
  engine(options?: Partial<EngineProcessOptions>): Promise<EngineProcess>;
  /** Between its socket and the server's. */
  proxy(): Promise<RpcProxy>;
  look(): Promise<PoolLook>;
  /** As the server lists it; undefined once it is forgotten. */
  instance(engine: EngineProcess): Promise<Instance | undefined>;
}

export interface PoolLook {
  pinnedBytes: number;
  usedBytes: number;
  blocks: { reserved: number; sealed: number; pinned: number };
  totals: { reserved: number; sealed: number; abandoned: number; evicted: number; lost: number };
  slabsReady: number;
  slabsTotal: number;
  slabsRetired: number;
  poolFolder: string;
}

/** 64 slots of 256 KiB in the smallest pool: races about space run in a moment. */
export const SMALL_POOL = { 'pool-size': '16mb' };

export async function withRace(play: (race: Race) => Promise<void>): Promise<void> {
  const path = mkdtempSync('/dev/shm/pega-race-');
  const socket = join(path, 'pega.sock');
  const folder = { path, socket, remove: () => rmSync(path, { recursive: true, force: true }) };
  const servers: Child[] = [];
  const engines: EngineProcess[] = [];
  const proxies: RpcProxy[] = [];
  const race: Race = {
    folder: path,
    socket,
    serve: async (flags = {}) => {
      const child = await startServeProcess({ ...serveFlags(folder), ...flags });
      servers.push(child);
      return child;
    },
    engine: async (options = {}) => {
      const engine = await startEngineProcess({ socket, ...options });
      engines.push(engine);
      return engine;
    },
    proxy: async () => {
      const proxy = await startRpcProxy(join(path, `proxy-${proxies.length}.sock`), socket);
      proxies.push(proxy);
      return proxy;
    },
    look: () => lookAt(socket),
    instance: async (engine) => {
      const { instances } = await withClient(socket, (client) => client.listInstances({}));
      return instances.find(({ engineId }) => engineId.equals(engine.options.engineId));
    },
  };
  try {
    await play(race);
  } finally {
    await Promise.all(engines.map((engine) => engine.kill('SIGKILL')));
    for (const server of servers) {
      server.signal('SIGCONT');
    }
    await Promise.all(servers.map((server) => server.stop()));
    await Promise.all(proxies.map((proxy) => proxy.stop()));
    folder.remove();
  }
}

export async function lookAt(socket: string): Promise<PoolLook> {
  return withClient(socket, async (client) => {
    const pool = await client.getPool({});
    const { namespaces } = await client.getBlocks({});
    const sum = (pick: (one: (typeof namespaces)[number]) => number) =>
      namespaces.reduce((total, one) => total + pick(one), 0);
    const none = { reserved: 0, sealed: 0, abandoned: 0, evicted: 0, lost: 0 };
    const { reserved, sealed, abandoned, evicted, lost } = pool.totals ?? none;
    return {
      pinnedBytes: pool.pinnedBytes,
      usedBytes: pool.usedBytes,
      blocks: {
        reserved: sum((one) => one.reserved),
        sealed: sum((one) => one.sealed),
        pinned: sum((one) => one.pinned),
      },
      totals: { reserved, sealed, abandoned, evicted, lost },
      slabsReady: pool.slabsReady,
      slabsTotal: pool.slabsTotal,
      slabsRetired: pool.slabsRetired,
      poolFolder: pool.folder,
    };
  });
}

/** Every reserved block was sealed or abandoned, or is still reserved; nothing is held by anybody. */
export function leaksOf({ pinnedBytes, blocks, totals }: PoolLook): string[] {
  const leaks: string[] = [];
  if (pinnedBytes !== 0 || blocks.pinned !== 0) {
    leaks.push(`${pinnedBytes} bytes and ${blocks.pinned} blocks are pinned`);
  }
  if (blocks.reserved !== 0) {
    leaks.push(`${blocks.reserved} blocks are reserved`);
  }
  if (totals.reserved !== totals.sealed + totals.abandoned + blocks.reserved) {
    leaks.push(`counters disagree: ${JSON.stringify(totals)}`);
  }
  return leaks;
}

async function withClient<T>(
  socket: string,
  use: (client: ReturnType<typeof connectPega>) => Promise<T>,
): Promise<T> {
  const client = connectPega({ socket });
  try {
    return await use(client);
  } finally {
    client.close();
  }
}

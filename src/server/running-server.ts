// What starts a server and what is then running: shared by server.ts and composition.ts.

import type { HostPort } from '../config/addresses.js';
import type { ServeConfig } from '../config/serve-config.js';
import type { PoolMemory } from '../engine/pool.js';
import type { Logger } from '../log.js';

export interface RunningServer {
  readonly grpc: HostPort;
  readonly socketPath: string;
  readonly http: HostPort;
  readonly bootNumber: number;
  /** Of the first slab. */
  readonly pages: PoolMemory['pages'];
  /** Drains and ends everything within 5 s; the second call waits for the first. */
  stop(): Promise<void>;
  /** Serves until the signal, then stops. */
  runUntil(signal: AbortSignal): Promise<void>;
}

export interface ServerOptions {
  config: ServeConfig;
  log: Logger;
  environment: NodeJS.ProcessEnv;
  /** Aborted while the pool fills: the start ends with its reason. */
  signal?: AbortSignal;
}

export interface Place {
  socketPath: string;
  groupId: number | undefined;
}

// Every call of pega.v1 with the function that answers it.

import type { PegaHandlers } from '../rpc/handlers.js';
import { abandon } from './calls/abandon.js';
import { getBlocks, getPool, listInstances } from './calls/inspect.js';
import { query } from './calls/query.js';
import { register } from './calls/register.js';
import { release } from './calls/release.js';
import { reserve } from './calls/reserve.js';
import { seal } from './calls/seal.js';
import type { Serving } from './calls/serving.js';
import type { Sessions } from './sessions.js';

export interface HandlersOptions {
  serving: Serving;
  sessions: Sessions;
  /** --device: the GPUs that the server is for. */
  devices: 'cpu' | readonly number[];
  startedAtMs: number;
}

export function createHandlers({
  serving,
  sessions,
  devices,
  startedAtMs,
}: HandlersOptions): PegaHandlers {
  const { pool, registry, bootNumber } = serving;
  return {
    Register: (request) => register(serving, devices, request),
    Session: (hello, stream) => sessions.open(hello, stream),
    Query: (request) => query(serving, request),
    Release: (request) => release(serving, request),
    Reserve: (request) => reserve(serving, request),
    Seal: (request) => seal(serving, request),
    Abandon: (request) => abandon(serving, request),
    GetPool: () => getPool(pool, bootNumber, startedAtMs),
    ListInstances: () => listInstances(pool, registry),
    GetBlocks: () => getBlocks(pool, registry),
  };
}

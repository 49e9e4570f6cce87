// Composes pool, registry, liveness, sessions, gRPC, HTTP and metrics into one running server.
//
// Loaded by server.ts once the pool is being filled.

import { formatHostPort, type HostPort } from '../config/addresses.js';
import type { Pool } from '../engine/pool.js';
import { PegaError } from '../errors.js';
import type { Logger } from '../log.js';
import { createRpcServer, type RpcServer } from '../rpc/service.js';
import { collectReports } from './client-totals.js';
import { watchFilling } from './fill-progress.js';
import { createHandlers } from './handlers.js';
import { holdFilesOf } from './hold-files.js';
import { keepHouse } from './housekeeping.js';
import { startHttp } from './http.js';
import { watchLiveness } from './liveness.js';
import { createMetrics } from './metrics.js';
import { createRegistry } from './registry.js';
import type { Place, RunningServer, ServerOptions } from './running-server.js';
import { createSessions, type Sessions } from './sessions.js';
import type { StopSteps } from './stop.js';
import { addressFailure } from './tcp-address.js';
import { restrictSocket } from './unix-socket.js';

export async function serve(
  pool: Pool,
  { config, log, signal }: ServerOptions,
  place: Place,
  stop: StopSteps,
): Promise<RunningServer> {
  const startedAtMs = performance.now();
  const { bootNumber } = pool;
  const state = { ready: false };
  const filling = watchFilling(pool, log, process.stderr);
  stop.before('filling', () => filling.stop());
  const holdFiles = holdFilesOf(pool);
  const registry = createRegistry(pool, holdFiles);
  const liveness = watchLiveness({ pool, registry, holdFiles, log });
  stop.before('liveness', () => liveness.stop());
  const house = keepHouse(pool, holdFiles, log);
  stop.before('housekeeping', () => house.stop());
  const reports = collectReports();
  const sessions = createSessions({ registry, reports, bootNumber, log, onClosed: liveness.look });
  const metrics = createMetrics({ pool, engines: registry, sessions, reports });
  stop.before('metrics', () => metrics.stop());
  const http = await startHttp(
    config.httpAddress,
    { metrics: metrics.text, metricsType: metrics.contentType, ready: () => state.ready },
    log,
  );
  stop.before('http', () => http.stop());
  const serving = { pool, registry, bootNumber };
  const rpc = createRpcServer({
    handlers: createHandlers({ serving, sessions, devices: config.devices, startedAtMs }),
    onCall: metrics.onCall,
    onFailure: failureLog(log),
  });
  stop.before('calls', () => drain(rpc, sessions));
  stop.before('readiness', () => {
    state.ready = false;
    rpc.setServing(false);
  });
  const grpc = await bind(rpc, config.address, place);
  await withSignal(filling.usable, signal);
  state.ready = true;
  rpc.setServing(true);
  return {
    grpc,
    socketPath: place.socketPath,
    http: http.address,
    bootNumber,
    pages: pool.memory().pages,
    stop: stop.run,
    runUntil: async (signal) => {
      await aborted(signal);
      log.info('stopping');
      await stop.run();
    },
  };
}

const CALLS_END_WITHIN_MS = 3000;

async function drain(rpc: RpcServer, sessions: Sessions): Promise<void> {
  sessions.drain();
  await rpc.stop(CALLS_END_WITHIN_MS);
}

async function bind(rpc: RpcServer, address: HostPort, place: Place): Promise<HostPort> {
  await rpc.bind(`unix:${place.socketPath}`).catch((cause: unknown) => {
    throw new PegaError('PEGA_IO', `the server cannot listen on ${place.socketPath}: ${cause}`, {
      cause,
    });
  });
  restrictSocket(place.socketPath, place.groupId);
  const port = await rpc
    .bind(formatHostPort(address))
    .catch((failure: Error) => Promise.reject(addressFailure('gRPC', address, failure)));
  return { host: address.host, port };
}

/** Clients' own errors are their matter; ours go to the log with everything we know. */
function failureLog(log: Logger): (method: string, thrown: unknown) => void {
  return (method, thrown) => {
    if (thrown instanceof PegaError && thrown.code !== 'PEGA_INTERNAL') {
      log.debug({ method, code: thrown.code }, thrown.message);
    } else {
      log.error({ method, err: thrown }, "a call met an error that is not a client's");
    }
  };
}

async function withSignal(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) {
    return work;
  }
  await Promise.race([work, aborted(signal)]);
  signal.throwIfAborted();
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
    }
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

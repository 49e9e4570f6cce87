// The way to the server over the worker's life: connects, notices the end of a connection, connects again.
//
// A server may be absent at the start, die, or restart: there is a connection or there is none, and
// nobody waits for it. It looks at the header's boot number ten times a second (shared memory, no call)
// and reports once a second.
import { setTimeout as sleep } from 'node:timers/promises';
import type { TransferStats } from '../engine/transfer.js';
import { type PegaError, toPegaError } from '../errors.js';
import { LIMITS } from '../limits.js';
import type { Logger } from '../log.js';
import type { PegaTarget } from '../rpc/client.js';
import type { Decision } from '../rpc/messages.js';
import { type Connection, type EngineDescription, openConnection } from './connection.js';

export interface ServerLinkOptions {
  target: PegaTarget;
  description: EngineDescription;
  logger: Logger;
  /** Ten times a second, with or without a connection. */
  onTick(): void;
  onLost(connection: Connection): void;
}

const POLL_MS = 100;
const REPORT_MS = 1000;
const CONNECT_AGAIN_MS = { first: 100, most: 2000 };

type Totals = Omit<TransferStats, 'jobsNow'>;

const NO_TOTALS: Totals = {
  loadBytesTotal: 0,
  storeBytesTotal: 0,
  loadJobsTotal: 0,
  storeJobsTotal: 0,
  failedJobsTotal: 0,
  loadBusySecondsTotal: 0,
  storeBusySecondsTotal: 0,
};

export class ServerLink {
  readonly #options: ServerLinkOptions;
  readonly #stop = new AbortController();
  #connection: Connection | undefined;
  #connecting: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #reportedMs = 0;
  #lastComplaint = '';
  /** Of connections that are closed. */
  #totals: Totals = NO_TOTALS;
  #decisions: Decision[] = [];
  #decisionsDropped = 0;

  constructor(options: ServerLinkOptions) {
    this.#options = options;
  }

  /** The connection that may be used now. */
  get connection(): Connection | undefined {
    return this.#connection?.lost.aborted === false ? this.#connection : undefined;
  }

  /** Resolves after the first attempt, whatever came of it; later ones go on by themselves. */
  async start(): Promise<void> {
    await this.#tryToConnect();
    this.#timer = setInterval(() => this.#tick(), POLL_MS);
    this.#connecting = this.#keepConnected();
  }

  /** What was decided and why, for the next report. */
  decide(requestId: string, kind: string, cause: string): void {
    if (this.#decisions.length >= LIMITS.decisionsPerReportMax) {
      this.#decisionsDropped += 1;
    } else {
      this.#decisions.push({ requestId, kind, cause, timeSeconds: Date.now() / 1000 });
    }
  }

  async stop(reason: PegaError): Promise<void> {
    this.#stop.abort();
    clearInterval(this.#timer);
    this.#connection?.lose(reason);
    await this.#connecting;
    await this.#connection?.closed();
  }

  async #keepConnected(): Promise<void> {
    let pauseMs = CONNECT_AGAIN_MS.first;
    while (!this.#stop.signal.aborted) {
      if (this.#connection !== undefined) {
        await this.#untilClosed(this.#connection);
        this.#connection = undefined;
        pauseMs = CONNECT_AGAIN_MS.first;
        continue;
      }
      await sleep(pauseMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
      pauseMs = Math.min(pauseMs * 2, CONNECT_AGAIN_MS.most);
      if (!this.#stop.signal.aborted) {
        await this.#tryToConnect();
      }
    }
  }

  async #tryToConnect(): Promise<void> {
    const { target, description, logger } = this.#options;
    try {
      const connection = await openConnection(target, description, this.#stop.signal);
      this.#connection = connection;
      this.#lastComplaint = '';
      logger.info({ boot: connection.bootNumber }, 'connected to the server');
      if (this.#stop.signal.aborted) {
        connection.lose(toPegaError(this.#stop.signal.reason));
      }
    } catch (thrown) {
      const { code, message } = toPegaError(thrown);
      if (this.#lastComplaint !== message) {
        this.#lastComplaint = message;
        logger.warn({ code }, `no server, going on without it: ${message}`);
      }
    }
  }

  async #untilClosed(connection: Connection): Promise<void> {
    if (!connection.lost.aborted) {
      await new Promise((resolve) => {
        connection.lost.addEventListener('abort', resolve, { once: true });
      });
    }
    const { logger, onLost } = this.#options;
    logger.warn(`connection lost: ${toPegaError(connection.lost.reason).message}`);
    onLost(connection);
    await connection.closed();
    this.#totals = added(this.#totals, connection.stats());
  }

  #tick(): void {
    this.connection?.poll();
    this.#options.onTick();
    const nowMs = performance.now();
    if (this.connection !== undefined && nowMs - this.#reportedMs >= REPORT_MS) {
      this.#reportedMs = nowMs;
      this.#report(this.connection);
    }
  }

  #report(connection: Connection): void {
    const stats = connection.stats();
    const totals = added(this.#totals, stats);
    connection.report({
      loadBytes: totals.loadBytesTotal,
      storeBytes: totals.storeBytesTotal,
      loadJobs: totals.loadJobsTotal,
      storeJobs: totals.storeJobsTotal,
      failedJobs: totals.failedJobsTotal,
      loadSeconds: totals.loadBusySecondsTotal,
      storeSeconds: totals.storeBusySecondsTotal,
      transfersRunning: stats.jobsNow,
      slabsReady: connection.slabsReady(),
      decisions: this.#decisions,
      decisionsDropped: this.#decisionsDropped,
    });
    this.#decisions = [];
  }
}

function added(a: Totals, b: Totals): Totals {
  return {
    loadBytesTotal: a.loadBytesTotal + b.loadBytesTotal,
    storeBytesTotal: a.storeBytesTotal + b.storeBytesTotal,
    loadJobsTotal: a.loadJobsTotal + b.loadJobsTotal,
    storeJobsTotal: a.storeJobsTotal + b.storeJobsTotal,
    failedJobsTotal: a.failedJobsTotal + b.failedJobsTotal,
    loadBusySecondsTotal: a.loadBusySecondsTotal + b.loadBusySecondsTotal,
    storeBusySecondsTotal: a.storeBusySecondsTotal + b.storeBusySecondsTotal,
  };
}

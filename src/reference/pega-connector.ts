// The connector over a server link: leases for what waits, stores for what was computed.
//
// The scheduler's side and rank 0 of one engine in one process. It never makes a request wait for a
// server that is not there, and never lets one fail because of it.

import type { BlockPool } from './block-pool.js';
import type { KvConnector } from './kv-connector.js';
import { Leases } from './leases.js';
import type { Request } from './request.js';
import { ServerLink, type ServerLinkOptions } from './server-link.js';
import { Stores } from './stores.js';

export interface PegaConnectorOptions
  extends Pick<ServerLinkOptions, 'target' | 'description' | 'logger'> {
  pool: BlockPool;
  blockTokens: number;
  /** Ask the scheduler to look again. */
  wake(): void;
}

/** Full blocks of answers are reserved so many at a time. */
const DECODE_BATCH_BLOCKS = 8;

export class PegaConnector implements KvConnector {
  readonly #link: ServerLink;
  readonly #leases: Leases;
  readonly #stores: Stores;
  readonly #blockTokens: number;
  /** Blocks at the start of each running request's chain that need no reservation any more. */
  readonly #reservedTo = new Map<Request, number>();

  constructor(options: PegaConnectorOptions) {
    const { pool, target, description, logger, wake } = options;
    this.#blockTokens = options.blockTokens;
    const connection = () => this.#link.connection;
    const decide = (requestId: string, kind: string, cause: string) => {
      logger.debug({ requestId, cause }, kind);
      this.#link.decide(requestId, kind, cause.slice(0, 500));
    };
    this.#leases = new Leases({ connection, decide, onAnswer: wake });
    this.#stores = new Stores({ pool, connection, decide, onProgress: wake });
    this.#link = new ServerLink({
      target,
      description,
      logger,
      onTick: () => {
        this.#leases.dropUnused();
        this.#stores.retryDue();
      },
      onLost: (lost) => {
        this.#leases.connectionLost(lost);
        this.#stores.connectionLost(lost);
        wake();
      },
    });
  }

  /** Resolves after the first attempt to connect. */
  start(): Promise<void> {
    return this.#link.start();
  }

  /** REQUIRES: the scheduler has stopped. */
  stop(reason: Parameters<ServerLink['stop']>[0]): Promise<void> {
    return this.#link.stop(reason);
  }

  arrived(request: Request, localBlocks: number): void {
    this.#leases.query(request, localBlocks);
  }

  externalBlocks(request: Request, localBlocks: number, mostBlocks: number): number | 'pending' {
    return this.#leases.hit(request, localBlocks, mostBlocks);
  }

  load(request: Request, first: number, blocks: readonly number[]): Promise<boolean> {
    return this.#leases.load(request, first, blocks);
  }

  admitted(request: Request): void {
    const promptBlocks = Math.floor(request.promptTokens / this.#blockTokens);
    this.#stores.reserve(request, this.#leases.sealedPrefix(request), promptBlocks);
    this.#reservedTo.set(request, promptBlocks);
    this.#leases.forget(request);
  }

  published(request: Request): void {
    this.#stores.published(request);
    this.#reserveAnswer(request, DECODE_BATCH_BLOCKS);
  }

  ended(request: Request): void {
    this.#reserveAnswer(request, 1);
    this.#reservedTo.delete(request);
    this.#leases.forget(request);
    this.#stores.ended(request);
  }

  hasUnfinishedStores(): boolean {
    return this.#stores.unfinished;
  }

  #reserveAnswer(request: Request, leastBlocks: number): void {
    const reserved = this.#reservedTo.get(request);
    if (reserved !== undefined && request.publishedBlocks - reserved >= leastBlocks) {
      this.#stores.reserve(request, reserved, request.publishedBlocks);
      this.#reservedTo.set(request, request.publishedBlocks);
    }
  }
}

// The calls of the path for one connection: ids, watermark, and what must be repeated until answered.
//
// Query and Reserve have a deadline and are tried once: late is a miss. What ends a grant
// (Release, Seal, Abandon) is repeated until the server has answered or the connection is lost: only
// then may its id be forgotten (PROTOCOL §2, §4).
import { setTimeout as sleep } from 'node:timers/promises';
import { type PegaError, toPegaError } from '../errors.js';
import type { PegaClient } from '../rpc/client.js';
import type { Caller, QueryResponse, ReserveResponse } from '../rpc/messages.js';

export interface PathCallsOptions {
  client: PegaClient;
  engineId: Buffer;
  token: Buffer;
  bootNumber: number;
  /** Of Query: a request waits for it. */
  queryDeadlineMs: number;
  /** Aborted when the connection is lost. */
  lost: AbortSignal;
  /** The server knows this engine no more. */
  onDisowned(error: PegaError): void;
}

/** No request waits for it; the blocks stay where they are. */
const RESERVE_DEADLINE_MS = 1000;
const REPEATED_DEADLINE_MS = 1000;
const REPEAT_AFTER_MS = { first: 50, most: 1000 };

export class PathCalls {
  readonly #options: PathCallsOptions;
  #nextId = 1;
  /** Rising: the first is the watermark. */
  readonly #open = new Set<number>();

  constructor(options: PathCallsOptions) {
    this.#options = options;
  }

  get openCount(): number {
    return this.#open.size;
  }

  /** On failure nothing is left to be done: a lease that comes late is released. */
  async query(
    hashes: Buffer,
    localHitBlocks: number,
  ): Promise<{ leaseId: number; answer: QueryResponse }> {
    const leaseId = this.#takeId();
    try {
      const answer = await this.#options.client.query(
        { caller: this.#caller(), leaseId, hashes, localHitBlocks },
        { deadlineMs: this.#options.queryDeadlineMs },
      );
      return { leaseId, answer };
    } catch (thrown) {
      void this.release(leaseId);
      throw this.#seen(thrown);
    }
  }

  async release(leaseId: number): Promise<void> {
    await this.#untilAnswered((options) =>
      this.#options.client.release({ caller: this.#caller(), leaseIds: [leaseId] }, options),
    );
    this.#open.delete(leaseId);
  }

  /** On failure nothing is left to be done: a reservation that comes late is abandoned. */
  async reserve(
    parentHash: Buffer,
    hashes: Buffer,
  ): Promise<{ reservationId: number; answer: ReserveResponse }> {
    const reservationId = this.#takeId();
    try {
      const answer = await this.#options.client.reserve(
        { caller: this.#caller(), reservationId, parentHash, hashes },
        { deadlineMs: RESERVE_DEADLINE_MS },
      );
      return { reservationId, answer };
    } catch (thrown) {
      void this.abandon(reservationId).then(() => this.forgetReservation(reservationId));
      throw this.#seen(thrown);
    }
  }

  async seal(reservationId: number, indices: Buffer, generations: Buffer): Promise<void> {
    await this.#untilAnswered((options) =>
      this.#options.client.seal(
        { caller: this.#caller(), reservationId, indices, generations },
        options,
      ),
    );
  }

  /** @param indices empty: all that is not sealed. */
  async abandon(reservationId: number, indices: Buffer = Buffer.alloc(0)): Promise<void> {
    await this.#untilAnswered((options) =>
      this.#options.client.abandon({ caller: this.#caller(), reservationId, indices }, options),
    );
  }

  /** Every block of it is sealed or abandoned, and the server has said so. */
  forgetReservation(reservationId: number): void {
    this.#open.delete(reservationId);
  }

  #takeId(): number {
    const id = this.#nextId;
    this.#nextId += 1;
    this.#open.add(id);
    return id;
  }

  #caller(): Caller {
    const { engineId, token, bootNumber } = this.#options;
    const [lowest] = this.#open;
    return { engineId, token, bootNumber, watermark: lowest ?? this.#nextId };
  }

  async #untilAnswered(call: (options: { deadlineMs: number }) => Promise<unknown>): Promise<void> {
    const { lost } = this.#options;
    let pauseMs = REPEAT_AFTER_MS.first;
    while (!lost.aborted) {
      try {
        await call({ deadlineMs: REPEATED_DEADLINE_MS });
        return;
      } catch (thrown) {
        const error = this.#seen(thrown);
        if (error.code !== 'PEGA_UNAVAILABLE' && error.code !== 'PEGA_TIMEOUT') {
          return; // answered: the server will not change its mind
        }
      }
      // An abort only means that there is nothing to repeat any more.
      await sleep(pauseMs, undefined, { signal: lost }).catch(() => undefined);
      pauseMs = Math.min(pauseMs * 2, REPEAT_AFTER_MS.most);
    }
  }

  #seen(thrown: unknown): PegaError {
    const error = toPegaError(thrown);
    if (['PEGA_STALE_BOOT', 'PEGA_NOT_FOUND', 'PEGA_NOT_SAME_HOST'].includes(error.code)) {
      this.#options.onDisowned(error);
    }
    return error;
  }
}

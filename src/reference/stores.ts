// What the worker gives to pega: reservations, store jobs, seals.
//
// A block is reserved while it is computed and stored once it is published in the block pool. While a
// job reads it, it carries a reference of ours. When a job has ended the slots' bits are cleared, then
// the blocks are sealed, or abandoned if anything went wrong. A block that its pool has forgotten
// before its job started is abandoned.
import { toPegaError } from '../errors.js';
import type { BlockHash } from './block-hash.js';
import type { BlockPool } from './block-pool.js';
import type { Connection } from './connection.js';
import type { Request } from './request.js';
import {
  grantedBlocks,
  inFlightRuns,
  keyOf,
  type Reservation,
  type ReservedBlock,
  slotsOf,
  type Wish,
} from './reserved-blocks.js';

/** Blocks that jobs may read at a time: a share of the device's (PROTOCOL §5), but some always. */
const REFERENCES = { share: 0.02, least: 8 };
/** A block that another engine is writing: asked for again, so that its failure leaves no hole. */
const RETRY = { afterMs: 1000, most: 10 };

export interface StoresOptions {
  pool: BlockPool;
  connection(): Connection | undefined;
  decide(requestId: string, kind: string, cause: string): void;
  /** Blocks may have become free. */
  onProgress(): void;
}

export class Stores {
  readonly #options: StoresOptions;
  readonly #referencesMax: number;
  /** Reserved, not yet computed; by hash. */
  #unfilled = new Map<string, ReservedBlock>();
  #queue: ReservedBlock[] = [];
  #retries: { dueMs: number; wish: Wish }[] = [];
  #references = 0;
  #callsUnderWay = 0;

  constructor(options: StoresOptions) {
    this.#options = options;
    this.#referencesMax = Math.max(
      REFERENCES.least,
      Math.floor(options.pool.blockCount * REFERENCES.share),
    );
  }

  /** Blocks [first, end) of the request's chain, those that pega has or gets from others included. */
  reserve(request: Request, first: number, end: number): void {
    const parent = first > 0 ? request.hashes[first - 1] : undefined;
    this.#reserve({ request, parent, hashes: request.hashes.slice(first, end), attempt: 1 });
  }

  published(request: Request): void {
    if (this.#unfilled.size > 0) {
      for (const hash of request.hashes.slice(0, request.publishedBlocks)) {
        this.#fill(hash);
      }
      this.#startJobs();
    }
  }

  /** What it will not compute any more is given back. */
  ended(request: Request): void {
    const given = [...this.#unfilled.values()].filter((block) => block.request === request);
    for (const block of given) {
      this.#unfilled.delete(keyOf(block.hash));
    }
    void this.#settle(given, 'abandon');
  }

  get unfinished(): boolean {
    return this.#queue.length > 0 || this.#references > 0 || this.#callsUnderWay > 0;
  }

  retryDue(): void {
    const nowMs = performance.now();
    const due = this.#retries.filter(({ dueMs }) => dueMs <= nowMs);
    this.#retries = this.#retries.filter(({ dueMs }) => dueMs > nowMs);
    for (const { wish } of due) {
      if (wish.hashes.some((hash) => this.#options.pool.find(hash) !== undefined)) {
        this.#reserve(wish);
      }
    }
  }

  connectionLost(connection: Connection): void {
    const valid = ({ reservation }: ReservedBlock) => reservation.connection !== connection;
    this.#unfilled = new Map([...this.#unfilled].filter(([, block]) => valid(block)));
    this.#queue = this.#queue.filter(valid);
    this.#retries = [];
  }

  #reserve(wish: Wish): void {
    const connection = this.#options.connection();
    if (connection !== undefined && wish.hashes.length > 0) {
      void this.#whileUnderWay(() => this.#ask(connection, wish));
    }
  }

  async #ask(connection: Connection, wish: Wish): Promise<void> {
    const { request, parent, hashes } = wish;
    try {
      const { reservationId, answer } = await connection.calls.reserve(
        parent ?? Buffer.alloc(0),
        Buffer.concat(hashes),
      );
      const reservation = { connection, id: reservationId, open: 0 };
      const blocks = grantedBlocks(reservation, request, hashes, answer);
      reservation.open = blocks.length;
      this.#askAgainLater(wish, answer.outcomes);
      if (blocks.length === 0) {
        await connection.calls.abandon(reservationId);
        connection.calls.forgetReservation(reservationId);
      } else {
        this.#take(connection, blocks);
      }
    } catch (thrown) {
      const { code, message } = toPegaError(thrown);
      this.#options.decide(request.id, 'store_skipped', `${code}: ${message}`);
    }
  }

  /** Holds the slots, then waits for the content of each. */
  #take(connection: Connection, blocks: ReservedBlock[]): void {
    const [first] = blocks;
    try {
      connection.hold(slotsOf(blocks));
    } catch (thrown) {
      if (first !== undefined) {
        void connection.calls
          .abandon(first.reservation.id)
          .then(() => connection.calls.forgetReservation(first.reservation.id));
      }
      throw thrown;
    }
    for (const block of blocks) {
      this.#unfilled.set(keyOf(block.hash), block);
      this.#fill(block.hash);
    }
    // Its end may have come before the answer.
    if (first?.request.state === 'ended') {
      this.ended(first.request);
    }
    this.#startJobs();
  }

  #fill(hash: BlockHash): void {
    const key = keyOf(hash);
    const block = this.#unfilled.get(key);
    if (block !== undefined && this.#options.pool.find(hash) !== undefined) {
      this.#unfilled.delete(key);
      this.#queue.push(block);
    }
  }

  #startJobs(): void {
    while (this.#queue.length > 0 && this.#references < this.#referencesMax) {
      const taken = this.#takeFromQueue(this.#referencesMax - this.#references);
      const lost: ReservedBlock[] = [];
      const sent = new Map<ReservedBlock, number>();
      for (const block of taken) {
        const device = this.#options.pool.find(block.hash);
        if (device === undefined) {
          lost.push(block);
        } else {
          sent.set(block, device);
        }
      }
      void this.#settle(lost, 'abandon');
      if (sent.size > 0) {
        void this.#store([...sent.keys()], [...sent.values()]);
      }
    }
  }

  /** The next blocks of one connection. */
  #takeFromQueue(most: number): ReservedBlock[] {
    const connection = this.#queue[0]?.reservation.connection;
    const other = this.#queue.findIndex((block) => block.reservation.connection !== connection);
    return this.#queue.splice(0, Math.min(most, other < 0 ? this.#queue.length : other));
  }

  async #store(blocks: readonly ReservedBlock[], devices: readonly number[]): Promise<void> {
    const { pool, decide, onProgress } = this.#options;
    const [first] = blocks;
    if (first === undefined) {
      return;
    }
    pool.acquire(devices);
    this.#references += devices.length;
    let outcome: 'seal' | 'abandon' = 'seal';
    try {
      await first.reservation.connection.copy('store', devices, slotsOf(blocks));
    } catch (thrown) {
      outcome = 'abandon';
      decide(first.request.id, 'store_failed', toPegaError(thrown).message);
    }
    pool.release(devices);
    this.#references -= devices.length;
    void this.#settle(blocks, outcome);
    onProgress();
    this.#startJobs();
  }

  /** Clears the bits, then tells the server, one call a reservation. */
  async #settle(blocks: readonly ReservedBlock[], outcome: 'seal' | 'abandon'): Promise<void> {
    const byReservation = new Map<Reservation, ReservedBlock[]>();
    for (const block of blocks) {
      const others = byReservation.get(block.reservation) ?? [];
      byReservation.set(block.reservation, [...others, block]);
    }
    for (const [reservation, members] of byReservation) {
      const { connection, id } = reservation;
      if (connection.lost.aborted) {
        continue;
      }
      connection.drop(slotsOf(members));
      void this.#whileUnderWay(async () => {
        const indices = Buffer.alloc(members.length * 4);
        members.forEach(({ index }, i) => {
          indices.writeUInt32LE(index, i * 4);
        });
        await (outcome === 'seal'
          ? connection.calls.seal(id, indices, Buffer.concat(members.map((m) => m.generation)))
          : connection.calls.abandon(id, indices));
        reservation.open -= members.length;
        if (reservation.open === 0) {
          connection.calls.forgetReservation(id);
        }
      });
    }
  }

  async #whileUnderWay(work: () => Promise<void>): Promise<void> {
    this.#callsUnderWay += 1;
    try {
      await work();
    } finally {
      this.#callsUnderWay -= 1;
    }
  }

  #askAgainLater(wish: Wish, outcomes: Buffer): void {
    if (wish.attempt < RETRY.most) {
      const dueMs = performance.now() + RETRY.afterMs;
      this.#retries.push(...inFlightRuns(wish, outcomes).map((run) => ({ dueMs, wish: run })));
    }
  }
}

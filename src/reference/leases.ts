// What pega has of the requests that wait: queries, leases and loads.
//
// A lease's slots are held (bits set) before anybody hears of the hit, and until its load has ended;
// then the bits are cleared and the lease is released. Whatever goes wrong is a miss.
import { toPegaError } from '../errors.js';
import { SLOT_BYTES_ON_WIRE } from '../limits.js';
import type { Connection } from './connection.js';
import type { Request } from './request.js';

/** PROTOCOL §2: leases of requests that were not admitted by then are dropped. */
const LEASE_UNUSED_MS = 10_000;
/** A prefix cache that keeps shrinking must not keep a request from running. */
const QUERIES_MAX = 3;
/** A server that does not answer in time is left alone for a while. */
const BREAKER = { failures: 3, pauseMs: 1000 };

export interface LeasesOptions {
  connection(): Connection | undefined;
  decide(requestId: string, kind: string, cause: string): void;
  /** An answer came: ask again. */
  onAnswer(): void;
}

interface Lease {
  connection: Connection;
  leaseId: number;
  slots: Buffer;
  /** The request's block that the first slot holds. */
  firstBlock: number;
  blockCount: number;
  grantedMs: number;
}

interface Entry {
  state: 'querying' | 'answered';
  queries: number;
  localBlocks: number;
  /** Blocks at the start of the chain that pega has. */
  sealedPrefix: number;
  lease: Lease | undefined;
  /** Its load runs: it ends with the load, not before. */
  loading: boolean;
}

export class Leases {
  readonly #options: LeasesOptions;
  readonly #entries = new Map<Request, Entry>();
  #failures = 0;
  #quietUntilMs = 0;

  constructor(options: LeasesOptions) {
    this.#options = options;
  }

  query(request: Request, localBlocks: number): void {
    const connection = this.#options.connection();
    if (
      connection === undefined ||
      localBlocks >= request.hashes.length ||
      performance.now() < this.#quietUntilMs
    ) {
      return;
    }
    const before = this.#entries.get(request);
    const entry: Entry = {
      state: 'querying',
      queries: (before?.queries ?? 0) + 1,
      localBlocks,
      sealedPrefix: 0,
      lease: undefined,
      loading: false,
    };
    this.#entries.set(request, entry);
    void this.#ask(connection, request, entry);
  }

  /** Blocks from `localBlocks` on that a lease has, up to block `end`. */
  hit(request: Request, localBlocks: number, end: number): number | 'pending' {
    const entry = this.#entries.get(request);
    if (entry?.state === 'querying') {
      return 'pending';
    }
    if (entry === undefined || localBlocks < entry.localBlocks) {
      // Never asked, or the local hit has shrunk since: the lease begins too late.
      this.#endLease(entry);
      if ((entry?.queries ?? 0) < QUERIES_MAX) {
        this.query(request, localBlocks);
      }
      return this.#entries.get(request)?.state === 'querying' ? 'pending' : 0;
    }
    const { lease } = entry;
    if (lease === undefined || lease.connection.lost.aborted) {
      return 0;
    }
    const blocks = Math.min(end, lease.firstBlock + lease.blockCount) - localBlocks;
    if (blocks <= 0) {
      this.#endLease(entry);
    }
    return Math.max(0, blocks);
  }

  /** Blocks at the start of the request's chain that pega is known to have. */
  sealedPrefix(request: Request): number {
    return this.#entries.get(request)?.sealedPrefix ?? 0;
  }

  async load(request: Request, first: number, blocks: readonly number[]): Promise<boolean> {
    const entry = this.#entries.get(request);
    const lease = entry?.lease;
    if (entry === undefined || lease === undefined) {
      return false;
    }
    entry.loading = true;
    const from = (first - lease.firstBlock) * SLOT_BYTES_ON_WIRE;
    const slots = lease.slots.subarray(from, from + blocks.length * SLOT_BYTES_ON_WIRE);
    try {
      await lease.connection.copy('load-async', blocks, slots);
      return true;
    } catch (thrown) {
      this.#options.decide(request.id, 'load_failed', toPegaError(thrown).message);
      return false;
    } finally {
      entry.loading = false;
      this.#endLease(entry);
    }
  }

  forget(request: Request): void {
    const entry = this.#entries.get(request);
    this.#entries.delete(request);
    if (entry?.loading === false) {
      this.#endLease(entry);
    }
  }

  dropUnused(): void {
    const oldestMs = performance.now() - LEASE_UNUSED_MS;
    for (const [request, entry] of this.#entries) {
      if (entry.lease !== undefined && !entry.loading && entry.lease.grantedMs < oldestMs) {
        this.forget(request);
      }
    }
  }

  /** Its grants are void; loads that run end by themselves. */
  connectionLost(connection: Connection): void {
    for (const [request, entry] of this.#entries) {
      if (entry.lease?.connection === connection && !entry.loading) {
        this.#entries.delete(request);
      }
    }
  }

  async #ask(connection: Connection, request: Request, entry: Entry): Promise<void> {
    try {
      const { leaseId, answer } = await connection.calls.query(
        Buffer.concat(request.hashes),
        entry.localBlocks,
      );
      this.#failures = 0;
      const missing = answer.sealedBefore.indexOf(0);
      entry.sealedPrefix = missing < 0 ? entry.localBlocks + answer.hitBlocks : missing;
      entry.lease = takeLease(connection, leaseId, answer.hitBlocks, answer.slots, entry);
    } catch (thrown) {
      const { code, message } = toPegaError(thrown);
      this.#options.decide(request.id, 'query_failed', `${code}: ${message}`);
      this.#failures += 1;
      if (this.#failures >= BREAKER.failures) {
        this.#quietUntilMs = performance.now() + BREAKER.pauseMs;
        this.#options.decide(request.id, 'breaker_open', `${this.#failures} queries failed`);
      }
    }
    entry.state = 'answered';
    if (this.#entries.get(request) !== entry) {
      this.#endLease(entry); // nobody waits for it any more
    }
    this.#options.onAnswer();
  }

  #endLease(entry: Entry | undefined): void {
    const lease = entry?.lease;
    if (entry === undefined || lease === undefined) {
      return;
    }
    entry.lease = undefined;
    if (!lease.connection.lost.aborted) {
      lease.connection.drop(lease.slots);
      void lease.connection.calls.release(lease.leaseId);
    }
  }
}

/** Holds the slots of a new lease; a lease of nothing, or of a server that restarted, is given back. */
function takeLease(
  connection: Connection,
  leaseId: number,
  blockCount: number,
  slots: Buffer,
  entry: Entry,
): Lease | undefined {
  if (blockCount > 0 && slots.length === blockCount * SLOT_BYTES_ON_WIRE) {
    try {
      connection.hold(slots);
      const grantedMs = performance.now();
      return { connection, leaseId, slots, firstBlock: entry.localBlocks, blockCount, grantedMs };
    } catch (thrown) {
      void connection.calls.release(leaseId);
      throw thrown;
    }
  }
  void connection.calls.release(leaseId);
  return undefined;
}

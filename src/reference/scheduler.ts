// Decides, step by step, which tokens the model computes: admission, chunked prefill, decoding.
//
// One step is one Forward over at most `chunkTokens` tokens: running requests first, in the order of
// admission, then waiting ones. A request gets all its blocks at admission, so it never has to give
// them back half-way. Only the event loop's thread comes here; Forward works on threads of its own.
import type { SequenceChunk } from '../engine/reference-model.js';
import { toPegaError } from '../errors.js';
import { withResolvers } from '../promises.js';
import type { BlockHash } from './block-hash.js';
import type { BlockPool } from './block-pool.js';
import type { KvConnector } from './kv-connector.js';
import {
  appendToken,
  blocksNeeded,
  cacheableBlocks,
  type EndReason,
  type Request,
} from './request.js';

export interface SchedulerOptions {
  forward(chunks: SequenceChunk[]): Promise<Int32Array>;
  pool: BlockPool;
  connector?: KvConnector | undefined;
  root: BlockHash;
  blockTokens: number;
  /** Of one step. */
  chunkTokens: number;
  maxRunning: number;
  observer: SchedulerObserver;
}

/** What metrics want to know; counts in tokens. */
export interface SchedulerObserver {
  /** Once a request, when its first token is there. */
  onFirstToken(request: Request): void;
  onPrefixLookup(queriedTokens: number, hitTokens: number): void;
  /** Once a request with a connector, when its loads have ended well or not. */
  onExternalLookup(queriedTokens: number, hitTokens: number): void;
}

interface Part {
  request: Request;
  tokens: number;
}

export class Scheduler {
  readonly #options: SchedulerOptions;
  #waiting: Request[] = [];
  #loading = new Set<Request>();
  #running: Request[] = [];
  #stopping = false;
  #wake = withResolvers<void>();
  readonly #loop: Promise<void>;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#loop = this.#run();
  }

  get waitingCount(): number {
    return this.#waiting.length;
  }

  get runningCount(): number {
    return this.#running.length + this.#loading.size;
  }

  /** REQUIRES: blocksNeeded(request) ≤ the pool's blocks. */
  submit(request: Request): void {
    this.#waiting.push(request);
    this.#options.connector?.arrived(request, this.#localPrefix(request).length);
    this.wake();
  }

  abort(request: Request): void {
    request.aborted = true;
    this.wake();
  }

  /** Something changed that may let a request go on. */
  wake(): void {
    this.#wake.resolve();
  }

  /** Forgets cached prefixes; false while requests or stores use blocks. */
  resetPrefixCache(): boolean {
    return this.#options.connector?.hasUnfinishedStores() !== true && this.#options.pool.reset();
  }

  /** Ends all requests as aborted and resolves when no step and no load is under way. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const request of [...this.#waiting, ...this.#loading, ...this.#running]) {
      request.aborted = true;
    }
    this.wake();
    await this.#loop;
  }

  async #run(): Promise<void> {
    for (;;) {
      this.#wake = withResolvers<void>();
      this.#dropAborted();
      const parts = this.#plan();
      if (parts.length > 0) {
        await this.#step(parts);
      } else if (this.#stopping && this.#loading.size === 0) {
        return;
      } else {
        await this.#wake.promise;
      }
    }
  }

  #dropAborted(): void {
    for (const request of [...this.#waiting, ...this.#running]) {
      if (request.aborted) {
        this.#end(request, 'aborted');
      }
    }
  }

  #plan(): Part[] {
    let budget = this.#options.chunkTokens;
    const parts: Part[] = [];
    const take = (request: Request) => {
      const tokens = Math.min(budget, request.tokenCount - request.computedTokens);
      if (tokens > 0) {
        parts.push({ request, tokens });
        budget -= tokens;
      }
    };
    this.#running.forEach(take);
    for (const request of [...this.#waiting]) {
      if (budget === 0 || this.runningCount >= this.#options.maxRunning) {
        break;
      }
      const outcome = this.#admit(request);
      if (outcome === 'no-room') {
        break;
      }
      if (outcome === 'running') {
        take(request);
      }
    }
    return parts;
  }

  #localPrefix(request: Request): number[] {
    const { pool, blockTokens } = this.#options;
    return pool.findPrefix(request.hashes.slice(0, cacheableBlocks(request, blockTokens)));
  }

  #admit(request: Request): 'running' | 'loading' | 'not-yet' | 'no-room' {
    const { pool, connector, blockTokens, observer } = this.#options;
    const local = this.#localPrefix(request);
    const most = cacheableBlocks(request, blockTokens);
    pool.acquire(local);
    const needed = blocksNeeded(request, blockTokens) - local.length;
    const enough = needed <= pool.freeCount;
    // Asked only when there is room: the answer may be a lease.
    const found = enough ? (connector?.externalBlocks(request, local.length, most) ?? 0) : 0;
    const fresh = enough && found !== 'pending' ? pool.allocate(needed) : undefined;
    if (fresh === undefined || found === 'pending') {
      pool.release(local);
      return enough ? 'not-yet' : 'no-room';
    }
    request.blocks = [...local, ...fresh];
    request.localTokens = local.length * blockTokens;
    request.computedTokens = request.localTokens;
    request.publishedBlocks = local.length;
    this.#waiting.splice(this.#waiting.indexOf(request), 1);
    observer.onPrefixLookup(request.promptTokens, request.localTokens);
    if (found > 0) {
      this.#loading.add(request);
      request.state = 'loading';
      void this.#load(request, local.length, found);
      return 'loading';
    }
    this.#start(request);
    return 'running';
  }

  async #load(request: Request, first: number, count: number): Promise<void> {
    const { connector, blockTokens } = this.#options;
    const blocks = request.blocks.slice(first, first + count);
    const loaded = (await connector?.load(request, first, blocks)) === true;
    this.#loading.delete(request);
    if (loaded) {
      request.externalTokens = count * blockTokens;
      request.computedTokens += request.externalTokens;
      this.#publish(request);
    }
    this.#start(request);
    this.wake();
  }

  #start(request: Request): void {
    const { connector, observer } = this.#options;
    request.state = 'running';
    this.#running.push(request);
    if (connector !== undefined) {
      observer.onExternalLookup(request.promptTokens - request.localTokens, request.externalTokens);
      connector.admitted(request);
    }
  }

  async #step(parts: readonly Part[]): Promise<void> {
    const chunks = parts.map(({ request, tokens }) => ({
      tokens: request.tokens.slice(request.computedTokens, request.computedTokens + tokens),
      position: request.computedTokens,
      blockTable: Uint32Array.from(request.blocks),
      sample: request.computedTokens + tokens === request.tokenCount,
    }));
    try {
      const next = await this.#options.forward(chunks);
      parts.forEach((part, index) => {
        this.#advance(part, next[index] ?? -1);
      });
    } catch (thrown) {
      for (const { request } of parts) {
        this.#end(request, 'failed', toPegaError(thrown));
      }
    }
  }

  #advance({ request, tokens }: Part, next: number): void {
    request.computedTokens += tokens;
    this.#publish(request);
    if (next < 0 || request.aborted) {
      return;
    }
    if (request.tokenCount === request.promptTokens) {
      this.#options.observer.onFirstToken(request);
    }
    appendToken(request, next, this.#options.root, this.#options.blockTokens);
    request.listener.onToken(next);
    if (request.tokenCount === request.promptTokens + request.maxTokens) {
      this.#end(request, 'length');
    }
  }

  /** Offers the blocks that have become full to the prefix cache and to the connector. */
  #publish(request: Request): void {
    const { pool, connector, blockTokens } = this.#options;
    const full = Math.floor(request.computedTokens / blockTokens);
    while (request.publishedBlocks < full) {
      const block = request.blocks[request.publishedBlocks];
      const hash = request.hashes[request.publishedBlocks];
      if (block !== undefined && hash !== undefined) {
        pool.publish(block, hash);
      }
      request.publishedBlocks += 1;
    }
    connector?.published(request);
  }

  #end(request: Request, reason: EndReason, failure?: Error): void {
    this.#waiting = this.#waiting.filter((other) => other !== request);
    this.#running = this.#running.filter((other) => other !== request);
    request.state = 'ended';
    // First the connector: what it still wants to store, it holds by references of its own.
    this.#options.connector?.ended(request);
    this.#options.pool.release(request.blocks);
    request.blocks = [];
    request.listener.onEnd(reason, failure);
  }
}

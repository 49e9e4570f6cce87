// What the scheduler asks of whoever keeps KV outside the worker. Types only; pega-connector.ts answers.
//
// None of these throws or waits for the server: a server that is slow or gone is a miss.
import type { Request } from './request.js';

export interface KvConnector {
  /** A request came; `localBlocks` of its prefix are cached here. May start a query. */
  arrived(request: Request, localBlocks: number): void;
  /**
   * How many blocks after the first `localBlocks` can be loaded now, so that at most `mostBlocks` come
   * from caches. 'pending': ask again after the next wake.
   */
  externalBlocks(request: Request, localBlocks: number, mostBlocks: number): number | 'pending';
  /** Fills `blocks` with blocks `first`, first + 1 … of the request; false: nothing may be used. */
  load(request: Request, first: number, blocks: readonly number[]): Promise<boolean>;
  /** It runs; what of its prompt isn't kept outside can be reserved. */
  admitted(request: Request): void;
  /** The first `publishedBlocks` blocks of the request are complete. */
  published(request: Request): void;
  /** Its blocks are about to be released. */
  ended(request: Request): void;
  /** Blocks of ended requests are still to be stored: forgetting them now would lose them. */
  hasUnfinishedStores(): boolean;
}

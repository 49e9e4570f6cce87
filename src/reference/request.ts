// One completion on its way through the worker.
import { type BlockHash, hashBlocks } from './block-hash.js';

export type RequestState = 'waiting' | 'loading' | 'running' | 'ended';

export type EndReason = 'length' | 'aborted' | 'failed';

export interface RequestListener {
  onToken(token: number): void;
  /** Once; `failure` with 'failed' only. */
  onEnd(reason: EndReason, failure?: Error): void;
}

export interface Request {
  readonly id: string;
  readonly promptTokens: number;
  readonly maxTokens: number;
  /** Prompt, then answer; tokenCount of them are known. */
  readonly tokens: Int32Array;
  tokenCount: number;
  /** Of the full blocks of the known tokens, in chain order. */
  readonly hashes: BlockHash[];
  state: RequestState;
  /** Where its KV lies, in order; all blocks it can ever need, from admission on. */
  blocks: number[];
  /** Tokens whose KV is in the blocks. */
  computedTokens: number;
  /** Blocks at the start of the table that are full and offered to the block pool. */
  publishedBlocks: number;
  /** What of the prompt was found, in tokens. */
  localTokens: number;
  externalTokens: number;
  /** The client is gone; it ends at the next safe moment. */
  aborted: boolean;
  readonly arrivedMs: number;
  readonly listener: RequestListener;
}

export interface NewRequest {
  id: string;
  prompt: readonly number[];
  maxTokens: number;
  root: BlockHash;
  blockTokens: number;
  listener: RequestListener;
}

export function createRequest(options: NewRequest): Request {
  const { prompt, maxTokens } = options;
  const tokens = new Int32Array(prompt.length + maxTokens);
  tokens.set(prompt);
  return {
    id: options.id,
    promptTokens: prompt.length,
    maxTokens,
    tokens,
    tokenCount: prompt.length,
    hashes: hashBlocks(options.root, tokens.subarray(0, prompt.length), options.blockTokens),
    state: 'waiting',
    blocks: [],
    computedTokens: 0,
    publishedBlocks: 0,
    localTokens: 0,
    externalTokens: 0,
    aborted: false,
    arrivedMs: performance.now(),
    listener: options.listener,
  };
}

/** Adds a token of the answer and, where it fills a block, that block's hash. */
export function appendToken(
  request: Request,
  token: number,
  root: BlockHash,
  blockTokens: number,
): void {
  request.tokens[request.tokenCount] = token;
  request.tokenCount += 1;
  const first = request.hashes.length * blockTokens;
  const parent = request.hashes.at(-1) ?? root;
  request.hashes.push(
    ...hashBlocks(parent, request.tokens.subarray(first, request.tokenCount), blockTokens),
  );
}

/** Blocks of the prompt that a cache may supply: not the last token's, which must be computed. */
export function cacheableBlocks(request: Request, blockTokens: number): number {
  return Math.floor((request.promptTokens - 1) / blockTokens);
}

/** Blocks for prompt and answer; the answer's last token is never computed. */
export function blocksNeeded(request: Request, blockTokens: number): number {
  return Math.ceil((request.promptTokens + request.maxTokens - 1) / blockTokens);
}

// What a reference worker is made of. The defaults suit two cores: a prompt of 2,048 tokens takes about
// a second, and has 32 MiB of KV.
import type { ModelShape } from '../engine/reference-model.js';
import type { PegaTarget } from '../rpc/client.js';

export interface WorkerOptions {
  /** Left out: the worker runs alone. */
  target?: PegaTarget;
  host: string;
  /** 0: a free one. */
  port: number;
  model: string;
  shape: ModelShape;
  seed: number;
  blocks: number;
  /** 0: one for each core. */
  threads: number;
  /** Tokens of one step. */
  chunkTokens: number;
  maxRunning: number;
  queryDeadlineMs: number;
}

export const WORKER_DEFAULTS = {
  host: '127.0.0.1',
  port: 0,
  model: 'pega-reference',
  shape: {
    layers: 8,
    heads: 8,
    kvHeads: 4,
    headDim: 64,
    ffn: 1408,
    vocab: 4096,
    blockTokens: 16,
    context: 8192,
  },
  seed: 1,
  /** 8 prompts of 2,048 tokens with answers, and a quarter more. */
  blocks: 1344,
  threads: 0,
  chunkTokens: 512,
  maxRunning: 16,
  queryDeadlineMs: 50,
} as const satisfies WorkerOptions;

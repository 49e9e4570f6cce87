// The prompts of these tests, and how many of their tokens a warm cache has. Every prompt follows from its
// name, so the vLLM that gives the expected answers and the one under test see the same.

import { seededRandom } from '../../../src/bench/random.js';

/** vLLM's own on the CPU. */
export const BLOCK_TOKENS = 128;
export const PROMPT_TOKENS = 2000;
/** All full blocks but the one with the last token. */
export const HIT_TOKENS = Math.floor((PROMPT_TOKENS - 1) / BLOCK_TOKENS) * BLOCK_TOKENS;
export const HIT_BLOCKS = HIT_TOKENS / BLOCK_TOKENS;
export const ANSWER_TOKENS = 16;

const VOCABULARY = 4096;
/** Lower ids are the model's special ones. */
const FIRST_WORD = 2;

export interface Prompt {
  name: string;
  tokens: number[];
  answerTokens: number;
}

export interface Expected extends Prompt {
  /** What a vLLM without a connector answers. */
  answer: number[];
}

/** @param seed of the family; each prompt has its own beginning, so none shares a block. */
export function prompts(
  family: string,
  seed: number,
  count: number,
  { length = PROMPT_TOKENS, answerTokens = ANSWER_TOKENS } = {},
): Prompt[] {
  return Array.from({ length: count }, (_, index) => {
    const random = seededRandom(seed * 1000 + index);
    const tokens = Array.from(
      { length },
      () => FIRST_WORD + random.integer(VOCABULARY - FIRST_WORD),
    );
    return { name: `${family} ${index}`, tokens, answerTokens };
  });
}

/** What the float32 suites use; their servers are their own, so they may share prompts. */
export const FLOAT32_PROMPTS = prompts('float32', 1, 40);
/** Long answers: they outgrow a tiny KV space while they decode. */
export const GROWING_PROMPTS = prompts('growing', 2, 8, { length: 1000, answerTokens: 200 });

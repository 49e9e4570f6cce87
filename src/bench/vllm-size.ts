// How much a vLLM and its pool have to hold for one run, from what the model's config.json says.
import { PegaError } from '../errors.js';
import { flagValue } from '../vllm/extra-arguments.js';
import type { ModelFacts } from '../vllm/model-facts.js';
import type { RunSize } from './reference-size.js';

const MIB = 1024 ** 2;
const POOL_BYTES_MIN = 256 * MIB;
const POOL_STEP_BYTES = 64 * MIB;
/** Where config.json does not say how large KV is. */
const POOL_BYTES_UNKNOWN = 8 * 1024 * MIB;
/** The largest that vLLM takes by itself: the CPU build's. */
const BLOCK_TOKENS_MAX = 128;
const CONTEXT_STEP_TOKENS = 1024;

/** All prompts and the one that warms up, with their answers, in whole blocks. */
export function kvBytesFor(size: RunSize, facts: ModelFacts): number | null {
  const tokens = size.inputTokens + size.outputTokens;
  const blocks = Math.ceil(tokens / BLOCK_TOKENS_MAX) + 1;
  return facts.kvBytesPerToken === null
    ? null
    : (size.promptCount + 1) * blocks * BLOCK_TOKENS_MAX * facts.kvBytesPerToken;
}

/** Twice the working set, because an engine may hold half a pool at a time. */
export function vllmPoolBytesFor(size: RunSize, facts: ModelFacts): number {
  const kvBytes = kvBytesFor(size, facts);
  if (kvBytes === null) {
    return POOL_BYTES_UNKNOWN;
  }
  const wanted = 2 * kvBytes + POOL_STEP_BYTES;
  return Math.max(POOL_BYTES_MIN, Math.ceil(wanted / POOL_STEP_BYTES) * POOL_STEP_BYTES);
}

/**
 * --max-model-len: room for a prompt and its answer and little more, because vLLM wants memory for one
 * request of that length. Refuses what the model, or the user's own --max-model-len, has no room for.
 */
export function modelTokensFor(
  size: RunSize,
  facts: ModelFacts,
  extraArguments: readonly string[],
): number {
  const tokens = size.inputTokens + size.outputTokens;
  const text = flagValue(extraArguments, 'max-model-len');
  const given = text === undefined ? null : Number(text);
  // Written like 32k, or auto: vLLM will tell.
  const most = text === undefined ? facts.contextTokens : given && given > 0 ? given : null;
  if (most !== null && tokens > most) {
    throw new PegaError(
      'PEGA_INVALID_ARGUMENT',
      `--input-len and --output-len together are ${tokens} tokens; ${given ? '--max-model-len of --vllm-args' : 'the model'} has room for ${most}`,
      { suggestions: ['ask for fewer tokens'] },
    );
  }
  const rounded = Math.ceil(tokens / CONTEXT_STEP_TOKENS) * CONTEXT_STEP_TOKENS;
  return Math.min(rounded, most ?? rounded);
}

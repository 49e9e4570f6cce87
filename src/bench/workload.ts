// What a run sends and when: prompts as token ids and intended send times, both by seed.
//
// Every phase sends the same prompts at the same times, so that phases differ in the cache alone.
import { PegaError } from '../errors.js';
import { seededRandom } from './random.js';

export interface WorkloadOptions {
  promptCount: number;
  inputTokens: number;
  /** Requests per second; Infinity sends all at once. */
  requestRate: number;
  seed: number;
  /** Token ids are drawn below it. */
  vocabularySize: number;
}

export interface Workload {
  prompts: readonly (readonly number[])[];
  /** Seconds after the start of the phase, rising. */
  sendTimes: readonly number[];
}

/** Real vocabularies keep their special tokens (end of text, padding) among the first ids. */
const SPECIAL_TOKENS_MAX = 256;

export function makeWorkload(options: WorkloadOptions): Workload {
  const { promptCount, inputTokens, requestRate, seed, vocabularySize } = options;
  if (!(requestRate > 0)) {
    throw new PegaError('PEGA_INVALID_ARGUMENT', `a request rate of ${requestRate} is not above 0`);
  }
  const random = seededRandom(seed);
  const lowest = vocabularySize >= 4 * SPECIAL_TOKENS_MAX ? SPECIAL_TOKENS_MAX : 1;
  const prompts = Array.from({ length: promptCount }, () =>
    Array.from({ length: inputTokens }, () => lowest + random.integer(vocabularySize - lowest)),
  );
  return { prompts, sendTimes: arrivals(promptCount, requestRate, random.uniform) };
}

/**
 * Poisson arrivals as `vllm bench serve` makes them (gamma delays of burstiness 1), stretched so that
 * the last one comes after exactly count ÷ rate seconds.
 */
function arrivals(count: number, rate: number, uniform: () => number): number[] {
  if (rate === Infinity) {
    return Array.from({ length: count }, () => 0);
  }
  const times: number[] = [];
  let elapsed = 0;
  for (let index = 0; index < count; index += 1) {
    elapsed += -Math.log(1 - uniform()) / rate;
    times.push(elapsed);
  }
  const stretch = elapsed > 0 ? count / rate / elapsed : 1;
  return times.map((time) => time * stretch);
}

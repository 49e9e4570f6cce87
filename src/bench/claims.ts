// Was a phase what its name says? The engine's counters prove it, or the run does not count.
//
// cold: nothing came from a cache. hbm: the engine's own prefix cache held the prompts. host: that cache
// was empty and the bytes came from pega.
import type { Counters } from '../vllm/counters.js';
import type { PhaseName } from './result.js';

export interface CacheUse {
  /** Prompt tokens found in the engine's own cache, and those that came from pega. */
  localTokens: number | null;
  externalTokens: number | null;
}

export interface ClaimContext {
  promptCount: number;
  inputTokens: number;
  blockTokens: number;
}

export interface Verdict {
  proven: boolean | null;
  message: string;
}

/** Of the blocks that can hit, the share that has to. Below, a mean mixes warm and cold requests. */
const SHARE_MIN = 0.9;

export function cacheUse(delta: Counters): CacheUse {
  return {
    localTokens: delta.promptTokensBySource?.local_cache_hit ?? delta.prefixCacheHits,
    externalTokens:
      delta.promptTokensBySource?.external_kv_transfer ?? delta.externalPrefixCacheHits,
  };
}

/** Tokens of all full blocks but the one with a prompt's last token, which is always computed. */
export function tokensThatCanHit(context: ClaimContext): number {
  const blocks = Math.floor((context.inputTokens - 1) / context.blockTokens);
  return context.promptCount * blocks * context.blockTokens;
}

export function judge(phase: PhaseName, use: CacheUse, context: ClaimContext): Verdict {
  const { localTokens, externalTokens } = use;
  if (localTokens === null || externalTokens === null) {
    return { proven: null, message: 'the engine has no counters that show where tokens came from' };
  }
  const least = Math.ceil(SHARE_MIN * tokensThatCanHit(context));
  // One block a request may be shared by chance or by a common start.
  const most = context.promptCount * context.blockTokens;
  const found = `${localTokens} prompt tokens came from the engine's own cache, ${externalTokens} from outside`;
  const verdict = (proven: boolean, required: string): Verdict => ({
    proven,
    message: `${found}; required: ${required}`,
  });
  switch (phase) {
    case 'cold':
      return verdict(localTokens + externalTokens <= most, `together at most ${most}`);
    case 'hbm':
      return verdict(localTokens >= least, `at least ${least} from its own cache`);
    case 'host':
      return verdict(
        externalTokens >= least && localTokens <= most,
        `at least ${least} from outside and at most ${most} from its own cache`,
      );
  }
}

// The engine's own counters: where each prompt's tokens came from. They prove what a phase claims.
//
// A counter that the engine does not have is null all the way to the report, never 0.
import type { Sample } from './exposition.js';

export const TOKEN_SOURCES = ['local_compute', 'local_cache_hit', 'external_kv_transfer'] as const;
export type TokensBySource = Record<(typeof TOKEN_SOURCES)[number], number>;

export interface Counters {
  promptTokensBySource: TokensBySource | null;
  prefixCacheQueries: number | null;
  prefixCacheHits: number | null;
  externalPrefixCacheQueries: number | null;
  externalPrefixCacheHits: number | null;
}

export function readCounters(samples: readonly Sample[]): Counters {
  return {
    promptTokensBySource: tokensBySource(samples),
    prefixCacheQueries: total(samples, 'vllm:prefix_cache_queries'),
    prefixCacheHits: total(samples, 'vllm:prefix_cache_hits'),
    externalPrefixCacheQueries: total(samples, 'vllm:external_prefix_cache_queries'),
    externalPrefixCacheHits: total(samples, 'vllm:external_prefix_cache_hits'),
  };
}

/** Tokens of a KV block, where the engine says it. */
export function readBlockTokens(samples: readonly Sample[]): number | null {
  const labels = samples.find(({ name }) => name === 'vllm:cache_config_info')?.labels;
  const tokens = Number(labels?.block_size);
  return Number.isInteger(tokens) && tokens > 0 ? tokens : null;
}

/** After minus before; null where either is unknown or the engine began to count anew. */
export function subtractCounters(after: Counters, before: Counters): Counters {
  return {
    promptTokensBySource: subtractSources(after.promptTokensBySource, before.promptTokensBySource),
    prefixCacheQueries: grown(after.prefixCacheQueries, before.prefixCacheQueries),
    prefixCacheHits: grown(after.prefixCacheHits, before.prefixCacheHits),
    externalPrefixCacheQueries: grown(
      after.externalPrefixCacheQueries,
      before.externalPrefixCacheQueries,
    ),
    externalPrefixCacheHits: grown(after.externalPrefixCacheHits, before.externalPrefixCacheHits),
  };
}

/** Sums over all engines and labels. An exposition may add `_total` to a counter's name. */
function total(
  samples: readonly Sample[],
  name: string,
  label?: { key: string; value: string },
): number | null {
  const named = samples.filter((sample) => sample.name === name || sample.name === `${name}_total`);
  if (named.length === 0) {
    return null;
  }
  return named
    .filter((sample) => label === undefined || sample.labels[label.key] === label.value)
    .reduce((sum, sample) => sum + sample.value, 0);
}

function tokensBySource(samples: readonly Sample[]): TokensBySource | null {
  const of = (value: string) =>
    total(samples, 'vllm:prompt_tokens_by_source', { key: 'source', value });
  const [compute, local, external] = TOKEN_SOURCES.map(of);
  if (typeof compute !== 'number' || typeof local !== 'number' || typeof external !== 'number') {
    return null;
  }
  return { local_compute: compute, local_cache_hit: local, external_kv_transfer: external };
}

function subtractSources(
  after: TokensBySource | null,
  before: TokensBySource | null,
): TokensBySource | null {
  if (after === null) {
    return null;
  }
  // An engine that has served nothing yet may not show the counter at all.
  const base = before ?? { local_compute: 0, local_cache_hit: 0, external_kv_transfer: 0 };
  const delta = {
    local_compute: after.local_compute - base.local_compute,
    local_cache_hit: after.local_cache_hit - base.local_cache_hit,
    external_kv_transfer: after.external_kv_transfer - base.external_kv_transfer,
  };
  return Object.values(delta).every((value) => value >= 0) ? delta : null;
}

function grown(after: number | null, before: number | null): number | null {
  if (after === null) {
    return null;
  }
  const delta = after - (before ?? 0);
  return delta >= 0 ? delta : null;
}

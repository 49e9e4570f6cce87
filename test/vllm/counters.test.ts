// Reading an engine's counters: names with and without _total, several engines, what is missing.
import { describe, expect, it } from 'vitest';
import { readCounters, subtractCounters } from '../../src/vllm/counters.js';
import { parseExposition } from '../../src/vllm/exposition.js';

const NOTHING = {
  promptTokensBySource: null,
  prefixCacheQueries: null,
  prefixCacheHits: null,
  externalPrefixCacheQueries: null,
  externalPrefixCacheHits: null,
};

const bySource = (compute: number, local: number, external: number, engine = 0) =>
  [
    `vllm:prompt_tokens_by_source_total{engine="${engine}",source="local_compute"} ${compute}`,
    `vllm:prompt_tokens_by_source_total{engine="${engine}",source="local_cache_hit"} ${local}`,
    `vllm:prompt_tokens_by_source_total{engine="${engine}",source="external_kv_transfer"} ${external}`,
  ].join('\n');

const read = (text: string) => readCounters(parseExposition(text));

describe('parseExposition', () => {
  it('reads names, labels with escapes, values with exponents, and passes comments over', () => {
    const text = [
      '# HELP a {not="a sample"} 1',
      'a 1',
      'b{x="1",y="say \\"hi\\"\\n, {ok}"} 2.5e3 1700000000000',
      'vllm:c_total{} +Inf',
      '',
    ].join('\n');
    expect(parseExposition(text)).toEqual([
      { name: 'a', labels: {}, value: 1 },
      { name: 'b', labels: { x: '1', y: 'say "hi"\n, {ok}' }, value: 2500 },
      { name: 'vllm:c_total', labels: {}, value: Number.POSITIVE_INFINITY },
    ]);
  });
});

describe('readCounters', () => {
  it('shows nothing for an engine without them, never 0', () => {
    expect(read('process_start_time_seconds 1\n')).toEqual(NOTHING);
  });

  it('sums over engines and takes names with and without _total', () => {
    const text = `${bySource(10, 20, 30)}\n${bySource(1, 2, 3, 1)}
vllm:prefix_cache_queries_total{engine="0"} 5
vllm:prefix_cache_hits{engine="0"} 4
vllm:prefix_cache_hits{engine="1"} 2
vllm:external_prefix_cache_queries_total{engine="0"} 7
vllm:external_prefix_cache_hits_created{engine="0"} 1.7e9
`;
    expect(read(text)).toEqual({
      promptTokensBySource: { local_compute: 11, local_cache_hit: 22, external_kv_transfer: 33 },
      prefixCacheQueries: 5,
      prefixCacheHits: 6,
      externalPrefixCacheQueries: 7,
      externalPrefixCacheHits: null,
    });
  });
});

describe('subtractCounters', () => {
  it('gives what a phase added; a counter that appears counted from 0', () => {
    const after = read(`${bySource(10, 20, 30)}\nvllm:prefix_cache_hits_total 9`);
    expect(subtractCounters(after, read(bySource(1, 20, 10)))).toEqual({
      ...NOTHING,
      promptTokensBySource: { local_compute: 9, local_cache_hit: 0, external_kv_transfer: 20 },
      prefixCacheHits: 9,
    });
  });

  it('knows nothing when the engine began to count anew', () => {
    const after = read(`${bySource(10, 0, 0)}\nvllm:prefix_cache_hits_total 1`);
    const before = read(`${bySource(1, 5, 0)}\nvllm:prefix_cache_hits_total 2`);
    expect(subtractCounters(after, before)).toEqual(NOTHING);
  });
});

// The worker's counters, under the names and in the units (tokens) that vLLM has.
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Request } from './request.js';
import type { SchedulerObserver } from './scheduler.js';

/** vLLM's own bounds. */
const TTFT_SECONDS = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80,
];

export interface WorkerGauges {
  running(): number;
  waiting(): number;
  /** 0 to 1. */
  kvUsage(): number;
}

export interface WorkerMetrics extends SchedulerObserver {
  readonly contentType: string;
  text(): Promise<string>;
}

export function createMetrics(
  model: string,
  hasConnector: boolean,
  gauges: WorkerGauges,
): WorkerMetrics {
  const registry = new Registry();
  registry.setDefaultLabels({ engine: '0', model_name: model });
  const registers = [registry];
  const counter = (name: string, help: string) =>
    new Counter({ name: `vllm:${name}_total`, help, registers });
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name: `vllm:${name}`,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  gauge('num_requests_running', 'Requests that have blocks.', gauges.running);
  gauge('num_requests_waiting', 'Requests that wait for admission.', gauges.waiting);
  gauge('kv_cache_usage_perc', 'Share of KV blocks in use, 0 to 1.', gauges.kvUsage);
  const bySource = new Counter({
    name: 'vllm:prompt_tokens_by_source_total',
    help: 'Prompt tokens by where their KV came from.',
    labelNames: ['source'],
    registers,
  });
  const queries = counter('prefix_cache_queries', 'Prompt tokens looked up in the prefix cache.');
  const hits = counter('prefix_cache_hits', 'Prompt tokens found in the prefix cache.');
  const external = hasConnector
    ? {
        queries: counter('external_prefix_cache_queries', 'Prompt tokens looked up in pega.'),
        hits: counter('external_prefix_cache_hits', 'Prompt tokens loaded from pega.'),
      }
    : undefined;
  const ttft = new Histogram({
    name: 'vllm:time_to_first_token_seconds',
    help: 'From arrival to the first token.',
    buckets: TTFT_SECONDS,
    registers,
  });
  const count = (source: string, tokens: number) => bySource.inc({ source }, tokens);
  const countPrompt = (compute: number, local: number, remote: number) => {
    count('local_compute', compute);
    count('local_cache_hit', local);
    count('external_kv_transfer', remote);
  };
  countPrompt(0, 0, 0); // shown from the start
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    onPrefixLookup: (queried, hit) => {
      queries.inc(queried);
      hits.inc(hit);
    },
    onExternalLookup: (queried, hit) => {
      external?.queries.inc(queried);
      external?.hits.inc(hit);
    },
    onFirstToken: (request: Request) => {
      const { promptTokens, localTokens, externalTokens } = request;
      countPrompt(promptTokens - localTokens - externalTokens, localTokens, externalTokens);
      ttft.observe((performance.now() - request.arrivedMs) / 1000);
    },
  };
}

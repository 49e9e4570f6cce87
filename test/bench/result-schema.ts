// The shape of `pega bench ttft --json`, strict: a key that comes or goes is a change of the format.
import { z } from 'zod';

const count = z.int().min(0);
const amount = z.number().min(0);

const phase = z.strictObject({
  ttft_ms: z.strictObject({
    mean: amount.nullable(),
    p50: amount.nullable(),
    p99: amount.nullable(),
  }),
  speedup_over_cold: amount.nullable(),
  completed: count,
  failed: count,
  errors: z.array(z.string()).max(5),
  prompt_tokens: count,
  hit_share: z.number().min(0).max(1).nullable(),
  prompt_tokens_by_source: z
    .strictObject({ local_compute: count, local_cache_hit: count, external_kv_transfer: count })
    .nullable(),
  prefix_cache_hits: count.nullable(),
  external_prefix_cache_hits: count.nullable(),
  cached_tokens: count.nullable(),
  bytes_loaded: count.nullable(),
  bytes_stored: count.nullable(),
  token_identical: z.boolean().nullable(),
  answers_that_differ: count,
  proven: z.boolean().nullable(),
  duration_s: amount,
  latest_send_ms: z.number(),
});

const phaseName = z.enum(['cold', 'hbm', 'host']);

export const resultSchema = z.strictObject({
  schema_version: z.literal(1),
  bench: z.literal('ttft'),
  ttft_definition: z.literal('vllm-bench-serve-completions'),
  passed: z.boolean(),
  problems: z.array(
    z.strictObject({
      kind: z.enum(['request_failed', 'answer_differs', 'phase_not_proven']),
      phase: phaseName,
      message: z.string(),
    }),
  ),
  vllm_log: z.string().nullable(),
  config: z.strictObject({
    engine: z.enum(['embedded', 'url', 'vllm']),
    url: z.string().nullable(),
    model: z.string(),
    num_prompts: count,
    input_len: count,
    output_len: count,
    request_rate: amount.nullable(),
    seed: count,
    block_tokens: count,
    server_pool_bytes: count.nullable(),
  }),
  machine: z.strictObject({
    cpu: z.string(),
    cores: count,
    memory_bytes: count,
    kernel: z.string(),
    architecture: z.string(),
  }),
  versions: z.strictObject({
    pega: z.string(),
    node: z.string(),
    pega_server: z.string().nullable(),
    vllm: z.string().nullable(),
  }),
  started_at: z.iso.datetime(),
  phases: z.strictObject({ cold: phase, hbm: phase, host: phase }),
});

// What a model's config.json says that a run has to know: vocabulary, context, bytes of KV.
//
// What it does not say is null; vLLM knows more kinds of models than we do.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { PegaError } from '../errors.js';

export interface ModelFacts {
  vocabularySize: number;
  /** Positions, before any scaling that vLLM may know of. */
  contextTokens: number | null;
  /** All layers, K and V, as the weights' type has it. */
  kvBytesPerToken: number | null;
  hasWeights: boolean;
}

const count = z.int().positive();

const textShape = z.object({
  vocab_size: count,
  max_position_embeddings: count.nullish(),
  num_hidden_layers: count.nullish(),
  num_attention_heads: count.nullish(),
  num_key_value_heads: count.nullish(),
  hidden_size: count.nullish(),
  head_dim: count.nullish(),
  kv_lora_rank: count.nullish(),
  qk_rope_head_dim: count.nullish(),
  dtype: z.string().nullish(),
  torch_dtype: z.string().nullish(),
});

type TextConfig = z.infer<typeof textShape>;

const WEIGHTS = /[.](safetensors|bin|pt|pth|gguf)$/;
const FLOAT32_BYTES = 4;
const HALF_BYTES = 2;

export function readModelFacts(folder: string): ModelFacts {
  const path = join(folder, 'config.json');
  const config = textConfig(path);
  return {
    vocabularySize: config.vocab_size,
    contextTokens: config.max_position_embeddings ?? null,
    kvBytesPerToken: kvBytesPerToken(config),
    hasWeights: readdirSync(folder).some((name) => WEIGHTS.test(name)),
  };
}

function textConfig(path: string): TextConfig {
  let read: unknown;
  try {
    read = JSON.parse(readFileSync(path, 'utf8'));
  } catch (thrown) {
    throw unusable(path, `can't be read: ${thrown instanceof Error ? thrown.message : thrown}`);
  }
  // Models that also see or hear keep the language part apart.
  const nested = z.object({ text_config: textShape }).safeParse(read);
  const config = nested.success ? { data: nested.data.text_config } : textShape.safeParse(read);
  if (config.data === undefined) {
    const [issue] = 'error' in config ? config.error.issues : [];
    throw unusable(path, `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'unknown shape'}`);
  }
  return config.data;
}

function unusable(path: string, reason: string): PegaError {
  return new PegaError('PEGA_INVALID_ARGUMENT', `--model: ${path}: ${reason}`, {
    suggestions: ['give a folder with a model that vLLM can serve'],
  });
}

function kvBytesPerToken(config: TextConfig): number | null {
  const values = kvValuesPerLayer(config);
  if (values === null || !config.num_hidden_layers) {
    return null;
  }
  const type = config.dtype ?? config.torch_dtype ?? '';
  return config.num_hidden_layers * values * (/float32/.test(type) ? FLOAT32_BYTES : HALF_BYTES);
}

function kvValuesPerLayer(config: TextConfig): number | null {
  const { kv_lora_rank: latent, qk_rope_head_dim: rope, num_attention_heads: heads } = config;
  if (latent && rope) {
    return latent + rope; // MLA: one latent vector for all heads
  }
  const kvHeads = config.num_key_value_heads ?? heads;
  const headDim = config.head_dim ?? (heads && config.hidden_size && config.hidden_size / heads);
  return kvHeads && headDim ? 2 * kvHeads * headDim : null;
}

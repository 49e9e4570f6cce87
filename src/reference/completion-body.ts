// The body of POST /v1/completions: what is offered, checked, with a sentence for what is not.
//
// A prompt is token ids, as an array or as words ("t17 t4 …" or "17 4 …"): there is no tokenizer.
import { z } from 'zod';
import { PegaError } from '../errors.js';

export interface CompletionLimits {
  model: string;
  vocabulary: number;
  /** Tokens of prompt and answer. */
  contextTokens: number;
}

export interface CompletionOrder {
  prompt: number[];
  maxTokens: number;
  stream: boolean;
  includeUsage: boolean;
}

const MAX_TOKENS_DEFAULT = 16;

const shape = z.looseObject({
  model: z.string().nullish(),
  prompt: z.union([z.array(z.number()), z.string()], {
    error: 'is required: an array of token ids, or a string of words like "t17 t4"',
  }),
  max_tokens: z.int().min(1).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  n: z.literal(1, { error: 'must be 1: one answer is offered' }).nullish(),
  best_of: z.literal(1, { error: 'must be 1: decoding is greedy' }).nullish(),
  echo: z.literal(false, { error: 'must be false: prompts are not repeated' }).nullish(),
});

/** Throws PEGA_INVALID_ARGUMENT; PEGA_NOT_FOUND for another model. */
export function readCompletionBody(text: string, limits: CompletionLimits): CompletionOrder {
  const parsed = shape.safeParse(parseJson(text));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw invalid(`${issue?.path.join('.') || 'the body'}: ${issue?.message ?? 'is not valid'}`);
  }
  const body = parsed.data;
  if (typeof body.model === 'string' && body.model !== limits.model) {
    throw new PegaError(
      'PEGA_NOT_FOUND',
      `the model "${body.model.slice(0, 200)}" does not exist; this worker has "${limits.model}"`,
      { suggestions: ['leave model out, or take the one that /v1/models lists'] },
    );
  }
  const prompt = typeof body.prompt === 'string' ? tokensOfWords(body.prompt) : body.prompt;
  const maxTokens = body.max_tokens ?? MAX_TOKENS_DEFAULT;
  checkTokens(prompt, limits.vocabulary);
  if (prompt.length + maxTokens > limits.contextTokens) {
    throw invalid(
      `prompt and max_tokens are ${prompt.length} + ${maxTokens} tokens; the context has ${limits.contextTokens}`,
    );
  }
  return {
    prompt,
    maxTokens,
    stream: body.stream === true,
    includeUsage: body.stream_options?.include_usage === true,
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalid('the body is not JSON');
  }
}

function tokensOfWords(text: string): number[] {
  const words = text.split(/\s+/).filter((word) => word !== '');
  return words.map((word) => {
    const digits = /^t?(\d{1,9})$/.exec(word)?.[1];
    if (digits === undefined) {
      throw invalid(
        `prompt has the word "${word.slice(0, 40)}"; required are token ids like "t17" or "17"`,
      );
    }
    return Number(digits);
  });
}

function checkTokens(prompt: readonly number[], vocabulary: number): void {
  if (prompt.length === 0) {
    throw invalid('prompt is empty; required is at least one token');
  }
  const wrong = prompt.findIndex((id) => !Number.isInteger(id) || id < 0 || id >= vocabulary);
  if (wrong >= 0) {
    throw invalid(
      `prompt[${wrong}] is ${prompt[wrong]}; token ids are whole numbers from 0 to ${vocabulary - 1}`,
    );
  }
}

function invalid(message: string): PegaError {
  return new PegaError('PEGA_INVALID_ARGUMENT', message);
}

// What /v1/completions takes, and the sentence for what it doesn't.
import { expect, test } from 'vitest';
import { readCompletionBody } from '../../src/reference/completion-body.js';

const limits = { model: 'm', vocabulary: 100, contextTokens: 20 };
const read = (body: unknown) => readCompletionBody(JSON.stringify(body), limits);

test('token ids and words are the same prompt', () => {
  const order = { prompt: [1, 2, 99], maxTokens: 2, stream: false, includeUsage: false };
  expect(read({ prompt: [1, 2, 99], max_tokens: 2 })).toEqual(order);
  expect(read({ prompt: 't1 t2  t99', max_tokens: 2, model: 'm' })).toEqual(order);
  expect(read({ prompt: '1 2 99', max_tokens: 2, temperature: 0.7, ignore_eos: true })).toEqual(
    order,
  );
});

test('streams and usage are read', () => {
  expect(
    read({ prompt: [1], stream: true, stream_options: { include_usage: true } }),
  ).toMatchObject({
    stream: true,
    includeUsage: true,
    maxTokens: 16,
  });
});

test.each([
  [{}, 'prompt: is required'],
  [{ prompt: [[1]] }, 'prompt: is required'],
  [{ prompt: [] }, 'prompt is empty'],
  [{ prompt: '  ' }, 'prompt is empty'],
  [{ prompt: 'hello' }, 'the word "hello"'],
  [{ prompt: [1, 100] }, 'prompt[1] is 100'],
  [{ prompt: [1.5] }, 'prompt[0] is 1.5'],
  [{ prompt: [-1] }, 'prompt[0] is -1'],
  [{ prompt: [1], max_tokens: 0 }, 'max_tokens'],
  [{ prompt: [1], max_tokens: 20 }, '1 + 20 tokens; the context has 20'],
  [{ prompt: [1], n: 2 }, 'n: must be 1'],
  [{ prompt: [1], stream: 'yes' }, 'stream'],
])('%j is refused', (body, sentence) => {
  expect(() => read(body)).toThrow(sentence);
});

test('another model and no JSON are refused', () => {
  expect(() => read({ prompt: [1], model: 'other' })).toThrow('"other" does not exist');
  expect(() => readCompletionBody('{', limits)).toThrow('is not JSON');
});

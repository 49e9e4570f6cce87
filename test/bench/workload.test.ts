// The workload: the same for a seed, another for another seed, arrivals as vllm bench serve makes them.
import { describe, expect, it } from 'vitest';
import { makeWorkload } from '../../src/bench/workload.js';

const OPTIONS = {
  promptCount: 200,
  inputTokens: 40,
  requestRate: 4,
  seed: 7,
  vocabularySize: 4096,
};

describe('makeWorkload', () => {
  it('is determined by its seed', () => {
    expect(makeWorkload(OPTIONS)).toEqual(makeWorkload(OPTIONS));
    expect(makeWorkload({ ...OPTIONS, seed: 8 }).prompts).not.toEqual(
      makeWorkload(OPTIONS).prompts,
    );
    // Seeds above 32 bits count too.
    const high = makeWorkload({ ...OPTIONS, seed: 7 + 2 ** 32 });
    expect(high.prompts).not.toEqual(makeWorkload(OPTIONS).prompts);
  });

  it('stays what it was: a published figure names its seed', () => {
    const { prompts, sendTimes } = makeWorkload({ ...OPTIONS, promptCount: 2, inputTokens: 4 });
    expect({ prompts, sendTimes }).toMatchInlineSnapshot(`
      {
        "prompts": [
          [
            2814,
            899,
            560,
            2440,
          ],
          [
            2139,
            781,
            745,
            1871,
          ],
        ],
        "sendTimes": [
          0.2838353972675907,
          0.5,
        ],
      }
    `);
  });

  it('draws ordinary token ids, and no two prompts share a first block', () => {
    const { prompts } = makeWorkload(OPTIONS);
    expect(prompts.every((prompt) => prompt.length === OPTIONS.inputTokens)).toBe(true);
    expect(prompts.flat().every((id) => id >= 256 && id < 4096)).toBe(true);
    expect(new Set(prompts.map((prompt) => prompt.slice(0, 16).join())).size).toBe(200);
    const small = makeWorkload({ ...OPTIONS, vocabularySize: 64 });
    expect(small.prompts.flat().every((id) => id >= 1 && id < 64)).toBe(true);
  });

  it('spreads arrivals over count ÷ rate seconds, unevenly', () => {
    const { sendTimes } = makeWorkload(OPTIONS);
    expect(sendTimes.at(-1)).toBeCloseTo(50, 9);
    const gaps = sendTimes.map((time, index) => time - (sendTimes[index - 1] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThan(0);
    const mean = 0.25;
    const deviation = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / 200);
    // An exponential distribution's deviation equals its mean.
    expect(deviation).toBeGreaterThan(0.75 * mean);
    expect(deviation).toBeLessThan(1.25 * mean);
  });

  it('sends all at once at an infinite rate', () => {
    const { sendTimes } = makeWorkload({ ...OPTIONS, requestRate: Infinity });
    expect(new Set(sendTimes)).toEqual(new Set([0]));
  });

  it.each([0, -1, Number.NaN])('refuses a rate of %s', (requestRate) => {
    expect(() => makeWorkload({ ...OPTIONS, requestRate })).toThrow(
      expect.objectContaining({ code: 'PEGA_INVALID_ARGUMENT' }),
    );
  });
});

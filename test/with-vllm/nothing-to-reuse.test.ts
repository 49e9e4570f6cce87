// With nothing to reuse, a vLLM with the connector is as fast as one without, but for noise. The noise is
// measured in the same way, as a third vLLM, again without a connector, beside the first.

import { expect, test } from 'vitest';
import { seededRandom } from '../../src/bench/random.js';
import { askInTurn } from './support/expected.js';
import { formatInterval, mean, median, noiseOf, ratioInterval } from './support/paired-interval.js';
import { suite } from './support/suite.js';
import { prompts } from './support/workload.js';

const ROUNDS = 40;
const ANSWER_TOKENS = 32;
const NAMES = ['plain', 'plain-too', 'connected'] as const;

const { server, vllm } = suite({ 'pool-size': '512mb' }, [
  { name: 'plain', dtype: 'bfloat16', connector: false },
  { name: 'plain-too', dtype: 'bfloat16', connector: false },
  { name: 'connected', dtype: 'bfloat16', connector: true },
]);

test('TTFT and time between tokens are within the noise of a vLLM without a connector', async () => {
  const ttftMs: Record<string, number[]> = {};
  const gapMs: Record<string, number[]> = {};
  for (const name of NAMES) {
    await askInTurn(vllm(name), prompts('warm-up', 20, 3));
  }
  const random = seededRandom(7);
  const counted = await vllm('connected').counting(async () => {
    for (const { tokens } of prompts('new', 21, ROUNDS, { answerTokens: ANSWER_TOKENS })) {
      // Nobody always comes first: after another's turn caches and clocks are not the same.
      const order = [...NAMES].sort(() => random.uniform() - 0.5);
      const answers: number[][] = [];
      for (const name of order) {
        const said = await vllm(name).complete(tokens, { maxTokens: ANSWER_TOKENS });
        ttftMs[name] = [...(ttftMs[name] ?? []), said.ttftMs];
        // The mean: on a busy machine several tokens may be read at once.
        gapMs[name] = [...(gapMs[name] ?? []), mean(said.gapsMs)];
        answers.push(said.tokens);
      }
      expect(answers[1]).toEqual(answers[0]);
      expect(answers[2]).toEqual(answers[0]);
    }
  });
  expect(counted).toMatchObject({ localHits: 0, externalHits: 0 });
  expect(counted.externalQueries).toBeGreaterThan(0);
  expect((await server.look()).totals.sealed).toBeGreaterThanOrEqual(ROUNDS * 15);

  for (const [what, measured] of [
    ['TTFT', ttftMs],
    ['time between tokens', gapMs],
  ] as const) {
    const of = (name: string): number[] => measured[name] ?? [];
    const connected = ratioInterval(of('connected'), of('plain'));
    const noise = ratioInterval(of('plain-too'), of('plain'));
    process.stdout.write(
      `${what}, ${ROUNDS} pairs, median ${median(of('plain')).toFixed(2)} ms without a connector; ` +
        `with ÷ without ${formatInterval(connected)}, without ÷ without ${formatInterval(noise)}\n`,
    );
    expect(connected.low, what).toBeLessThanOrEqual(1 + noiseOf(noise));
  }
});

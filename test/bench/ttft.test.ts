// benchTtft against an engine that may lie: what is measured, what is a problem, what ends the run.
import { afterEach, describe, expect, it } from 'vitest';
import { renderTtft } from '../../src/bench/report.js';
import { exitCodeOf, type TtftResult } from '../../src/bench/result.js';
import { benchTtft } from '../../src/bench/ttft.js';
import { EXIT } from '../../src/errors.js';
import { SILENT } from '../../src/progress.js';
import { type FakeEngine, type FakeEngineOptions, startFakeEngine } from './fake-engine.js';

let engine: FakeEngine | undefined;

afterEach(async () => {
  await engine?.close();
  engine = undefined;
});

async function bench(
  options: FakeEngineOptions = {},
  signal = new AbortController().signal,
): Promise<TtftResult> {
  engine = await startFakeEngine(options);
  return benchTtft({
    promptCount: 3,
    inputTokens: 40,
    outputTokens: 4,
    requestRate: Infinity,
    seed: 1,
    engine: {
      kind: 'url',
      url: `${engine.url}/v1/`,
      vocabularySize: 4096,
      pega: { socket: '/nonexistent/pega.sock' },
      pegaIsRequired: false,
    },
    signal,
    progress: SILENT,
  });
}

const kinds = (result: TtftResult) => result.problems.map(({ kind, phase }) => `${phase} ${kind}`);

describe('benchTtft', () => {
  it('proves the phases of an honest engine', async () => {
    const result = await bench();
    expect(result).toMatchObject({
      schema_version: 1,
      passed: true,
      problems: [],
      config: { engine: 'url', model: 'fake', num_prompts: 3, request_rate: null, seed: 1 },
    });
    expect(Object.keys(result.phases)).toEqual(['cold', 'hbm', 'host']);
    const { cold, hbm, host } = result.phases;
    // 40 tokens: two full blocks of 16 can hit, the third is not full.
    expect([cold.hit_share, hbm.hit_share, host.hit_share]).toEqual([0, 0.8, 0.8]);
    expect(host.prompt_tokens_by_source).toEqual({
      local_compute: 24,
      local_cache_hit: 0,
      external_kv_transfer: 96,
    });
    expect([cold.token_identical, hbm.token_identical, host.token_identical]).toEqual([
      null,
      true,
      true,
    ]);
    for (const phase of [cold, hbm, host]) {
      expect(phase).toMatchObject({ completed: 3, failed: 0, proven: true, bytes_loaded: null });
      expect(phase.ttft_ms.mean).toBeGreaterThan(0);
      expect(phase.ttft_ms.p99).toBeGreaterThanOrEqual(phase.ttft_ms.p50 ?? Infinity);
    }
    expect(exitCodeOf(result.problems)).toBe(EXIT.ok);
    expect(engine?.resets).toBe(2);
  });

  it('sends the same prompts in every phase', async () => {
    await bench();
    const prompts = engine?.requests.map(({ prompt }) => JSON.stringify(prompt)) ?? [];
    expect(prompts).toHaveLength(9);
    expect(new Set(prompts).size).toBe(3);
  });

  it('fails an engine whose warm answers differ', async () => {
    const result = await bench({ wrongWhenWarm: true });
    expect(kinds(result)).toEqual(['hbm answer_differs', 'host answer_differs']);
    expect(result.phases.host).toMatchObject({ token_identical: false, answers_that_differ: 3 });
    expect(exitCodeOf(result.problems)).toBe(EXIT.checkFailed);
    expect(renderTtft(result)).toContain('no (3 differ)');
  });

  it('calls a host phase without bytes from outside an invalid run', async () => {
    const result = await bench({ external: false });
    expect(kinds(result)).toEqual(['host phase_not_proven']);
    expect(exitCodeOf(result.problems)).toBe(EXIT.invalidRun);
  });

  it('says unknown, never 0, where the engine has no counters', async () => {
    const result = await bench({ counters: false });
    expect(result.problems).toEqual([]);
    expect(result.phases.host).toMatchObject({
      proven: null,
      hit_share: null,
      prompt_tokens_by_source: null,
      prefix_cache_hits: null,
    });
    expect(renderTtft(result)).toMatch(/host .*unknown/);
    expect(renderTtft(result)).toContain('host: not proven');
  });

  it('counts failed requests as failed, in no statistic', async () => {
    const result = await bench({ completion: (response) => response.writeHead(500).end('boom') });
    expect(kinds(result)).toEqual([
      'cold request_failed',
      'hbm request_failed',
      'host request_failed',
    ]);
    expect(result.phases.cold).toMatchObject({
      ttft_ms: { mean: null, p50: null, p99: null },
      completed: 0,
      failed: 3,
      errors: ['HTTP 500: boom'],
      token_identical: null,
    });
    expect(exitCodeOf(result.problems)).toBe(EXIT.checkFailed);
  });

  it('repeats a reset that is refused while blocks are held', async () => {
    const result = await bench({ resetRefusals: 3 });
    expect(result.passed).toBe(true);
  });

  it('repeats a reset of an engine that does not say whether it did it', async () => {
    const result = await bench({ resetRefusals: 3, resetsUnsaid: true });
    expect(result.passed).toBe(true);
  });

  it('ends before it measures when the engine cannot be reset', async () => {
    await expect(bench({ resetRefusals: Infinity })).rejects.toMatchObject({
      code: 'PEGA_INVALID_RUN',
      exitCode: EXIT.invalidRun,
    });
    expect(engine?.requests).toEqual([]);
  });

  it('ends with the reason of an abort', async () => {
    const stop = new AbortController();
    const reason = new Error('stopped');
    const run = bench({ completion: () => stop.abort(reason) }, stop.signal);
    await expect(run).rejects.toBe(reason);
  });

  it.each(['ftp://x', 'localhost:8000', ''])('refuses the address "%s"', async (url) => {
    const run = benchTtft({
      promptCount: 1,
      inputTokens: 1,
      outputTokens: 1,
      requestRate: 1,
      engine: {
        kind: 'url',
        url,
        vocabularySize: 4096,
        pega: { socket: '/nonexistent/pega.sock' },
        pegaIsRequired: false,
      },
      signal: new AbortController().signal,
      progress: SILENT,
    });
    await expect(run).rejects.toMatchObject({ code: 'PEGA_INVALID_ARGUMENT' });
  });
});

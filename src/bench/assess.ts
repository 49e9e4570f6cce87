// Turns what the phases left behind into results and problems: statistics, token identity, proof.
//
// Pure: the same records give the same result.
import { type ClaimContext, cacheUse, judge } from './claims.js';
import type { Completion } from './openai-client.js';
import type { PhaseRecord } from './phases.js';
import type { PhaseName, PhaseResult, Problem } from './result.js';
import { summarize } from './statistics.js';

export interface Assessment<Name extends PhaseName> {
  phases: Record<Name, PhaseResult>;
  problems: Problem[];
}

const ERRORS_SHOWN = 5;
const NO_TTFT = { mean: null, p50: null, p99: null };

export function assess<Name extends PhaseName>(
  records: readonly PhaseRecord<Name>[],
  context: ClaimContext,
): Assessment<Name> {
  const firstAnswers = new Map<number, string>();
  const problems: Problem[] = [];
  let coldMean: number | null = null;
  const results = records.map((record) => {
    const { result, problems: found } = assessPhase(record, context, firstAnswers, coldMean);
    coldMean ??= record.name === 'cold' ? result.ttft_ms.mean : null;
    problems.push(...found);
    return [record.name, result] as const;
  });
  return { phases: Object.fromEntries(results) as Record<Name, PhaseResult>, problems };
}

function assessPhase(
  record: PhaseRecord,
  context: ClaimContext,
  firstAnswers: Map<number, string>,
  coldMean: number | null,
): { result: PhaseResult; problems: Problem[] } {
  const { completions } = record.load;
  const done = completions.flatMap((completion) => (completion.ok ? [completion] : []));
  const errors = completions.flatMap((completion) => (completion.ok ? [] : [completion.error]));
  const { compared, differing } = compareAnswers(completions, firstAnswers);
  const use = cacheUse(record.counters);
  const verdict = judge(record.name, use, context);
  const ttft = summarize(done.map(({ ttftMs }) => ttftMs));
  const promptTokens = context.promptCount * context.inputTokens;
  const cached = done.flatMap(({ cachedTokens }) => cachedTokens ?? []);
  const result: PhaseResult = {
    ttft_ms: ttft ?? NO_TTFT,
    speedup_over_cold: coldMean === null || ttft === null ? null : coldMean / ttft.mean,
    completed: done.length,
    failed: errors.length,
    errors: [...new Set(errors)].slice(0, ERRORS_SHOWN),
    prompt_tokens: promptTokens,
    hit_share:
      use.localTokens === null || use.externalTokens === null
        ? null
        : (use.localTokens + use.externalTokens) / promptTokens,
    prompt_tokens_by_source: record.counters.promptTokensBySource,
    prefix_cache_hits: record.counters.prefixCacheHits,
    external_prefix_cache_hits: record.counters.externalPrefixCacheHits,
    cached_tokens: cached.length > 0 ? cached.reduce((sum, tokens) => sum + tokens, 0) : null,
    bytes_loaded: record.bytesLoaded,
    bytes_stored: record.bytesStored,
    token_identical: compared === 0 ? null : differing.length === 0,
    answers_that_differ: differing.length,
    proven: verdict.proven,
    duration_s: record.load.durationSeconds,
    latest_send_ms: record.load.latestSendMs,
  };
  return { result, problems: problemsOf(record.name, result, differing, verdict.message) };
}

/** A prompt's first answer is what its later ones are compared with. */
function compareAnswers(
  completions: readonly Completion[],
  firstAnswers: Map<number, string>,
): { compared: number; differing: number[] } {
  const differing: number[] = [];
  let compared = 0;
  completions.forEach((completion, index) => {
    if (!completion.ok) {
      return;
    }
    const first = firstAnswers.get(index);
    if (first === undefined) {
      firstAnswers.set(index, completion.answer);
      return;
    }
    compared += 1;
    if (first !== completion.answer) {
      differing.push(index);
    }
  });
  return { compared, differing };
}

function problemsOf(
  phase: PhaseName,
  result: PhaseResult,
  differing: readonly number[],
  verdict: string,
): Problem[] {
  const problems: Problem[] = [];
  if (result.failed > 0) {
    problems.push({
      kind: 'request_failed',
      phase,
      message: `${result.failed} of ${result.failed + result.completed} requests failed: ${result.errors.join('; ')}`,
    });
  }
  if (differing.length > 0) {
    problems.push({
      kind: 'answer_differs',
      phase,
      message: `the answers to prompts ${differing.join(', ')} differ from their first answers`,
    });
  }
  // Requests that failed leave no tokens to count: the failure is the finding.
  if (result.proven === false && result.failed === 0) {
    problems.push({ kind: 'phase_not_proven', phase, message: verdict });
  }
  return problems;
}

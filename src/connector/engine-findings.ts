// A running vLLM as pega sees it: does it answer, does it have the connector, is the connector at work.
import { PegaError } from '../errors.js';
import { type Finding, note, ok, problem } from '../findings/finding.js';
import type { Sample } from '../vllm/exposition.js';
import { askEngine, type EngineAnswers, engineUrl } from './engine-http.js';
import { vllmFinding } from './interpreter-findings.js';

export interface EngineView {
  findings: Finding[];
  /** Null where it did not answer, or is no vLLM. */
  version: string | null;
}

/** The connector's own metrics; vLLM has them from its start on. */
const CONNECTED = 'vllm:pega_connected';
const BREAKER = 'vllm:pega_breaker_state';
const PREFIX = 'vllm:pega_';

export async function engineView(url: string, signal: AbortSignal): Promise<EngineView> {
  const base = engineUrl(url);
  let answers: EngineAnswers;
  try {
    answers = await askEngine(url, signal);
  } catch (thrown) {
    if (!(thrown instanceof PegaError) || thrown.code !== 'PEGA_UNAVAILABLE') {
      throw thrown;
    }
    const advice = 'start vLLM, or correct --url';
    return { findings: [problem('engine', thrown.message, advice)], version: null };
  }
  const { version } = answers;
  if (version === null) {
    const advice = 'give the address of a vLLM server';
    return { findings: [problem('engine', `${base} answers, but is no vLLM`, advice)], version };
  }
  return {
    findings: [
      healthFinding(base, answers.health),
      vllmFinding(version),
      ...metricsFindings(answers.samples),
      devModeFinding(answers.devMode),
    ],
    version,
  };
}

function healthFinding(base: string, status: number): Finding {
  return status === 200
    ? ok('engine', `${base} is healthy`)
    : problem('engine', `${base}/health answers HTTP ${status}`, "look at vLLM's log; restart it");
}

function metricsFindings(samples: readonly Sample[]): Finding[] {
  if (samples.length === 0) {
    const advice = 'start vLLM without --disable-log-stats: that switches its metrics off';
    return [note('connector', 'unknown: the engine shows no metrics', advice)];
  }
  if (!samples.some(({ name }) => name.startsWith(PREFIX))) {
    const advice = 'restart it with what `pega connector config` prints';
    return [problem('connector', 'this vLLM runs without it', advice)];
  }
  return [ok('connector', 'in use'), ...connectedFinding(samples), ...breakerFinding(samples)];
}

/** Of several engines (data parallel) the worst counts; none has said a thing before its first step. */
function connectedFinding(samples: readonly Sample[]): Finding[] {
  const values = valuesOf(samples, CONNECTED);
  if (values.length === 0 || values.every((value) => value === 1)) {
    return values.length === 0 ? [] : [ok('connected', 'to a pega server')];
  }
  return [
    note(
      'connected',
      'not yet: the connector said so when vLLM last ran a step',
      "send a request; if it stays, see the server's row and the connector's lines in vLLM's log",
    ),
  ];
}

function breakerFinding(samples: readonly Sample[]): Finding[] {
  return valuesOf(samples, BREAKER).some((value) => value === 2)
    ? [
        note(
          'breaker',
          'open: calls to the server failed or were late, lookups are skipped',
          'look at the log and the load of `pega serve`',
        ),
      ]
    : [];
}

function valuesOf(samples: readonly Sample[], wanted: string): number[] {
  return samples.filter(({ name }) => name === wanted).map(({ value }) => value);
}

function devModeFinding(devMode: boolean): Finding {
  return ok(
    'dev mode',
    devMode
      ? 'on: whoever reaches the engine can reset its caches'
      : 'off; `pega bench ttft --url` needs it on',
  );
}

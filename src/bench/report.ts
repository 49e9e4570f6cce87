// The result of `pega bench ttft` as a person reads it: a table, then what is wrong with the run.
import { renderTable } from '../tables.js';
import { formatBytes } from '../units.js';
import { PHASES, type PhaseResult, type TtftResult } from './result.js';

const UNKNOWN = 'unknown';
const HEAD = [
  ...['phase', 'mean', 'p50', 'p99', 'ratio'],
  ...['hits', 'loaded', 'stored', 'answers', 'same'],
];

export function renderTtft(result: TtftResult): string {
  const { config } = result;
  const rate = config.request_rate === null ? 'all at once' : `${config.request_rate} requests/s`;
  const rows = PHASES.map((phase) => [phase, ...cells(result.phases[phase])]);
  return [
    `${config.model}: ${config.num_prompts} prompts of ${config.input_len} tokens, ${config.output_len} output tokens, ${rate}, seed ${config.seed}`,
    'TTFT in ms: from the POST to the first chunk with choices, as vllm bench serve measures it.',
    'ratio: cold ÷ this mean; hits: share of the prompts; same: answers token-identical to cold.',
    '',
    renderTable(HEAD, rows, 'right'),
    ...notesOn(result).map((note, index) => (index === 0 ? `\n${note}` : note)),
  ].join('\n');
}

/** What is wrong with the run, then how to read it. */
function notesOn(result: TtftResult): string[] {
  const notes = [
    ...result.problems.map(({ phase, message }) => `${phase}: ${message}`),
    ...unproven(result),
    ...(result.vllm_log === null ? [] : [`vLLM's log: ${result.vllm_log}`]),
  ];
  if (coldWaited(result)) {
    notes.push(
      'Cold prompts came faster than they were computed: their TTFT includes waiting in line.',
    );
  }
  if (result.config.engine === 'embedded') {
    notes.push(
      'The reference worker is a tiny model on the CPU: its times say nothing about a GPU.',
    );
  }
  return notes;
}

function cells(phase: PhaseResult): string[] {
  const { mean, p50, p99 } = phase.ttft_ms;
  const identical = phase.token_identical;
  return [
    ...[mean, p50, p99].map((ms) => (ms === null ? UNKNOWN : ms.toFixed(1))),
    phase.speedup_over_cold === null ? '' : phase.speedup_over_cold.toFixed(1),
    phase.hit_share === null ? UNKNOWN : `${(phase.hit_share * 100).toFixed(1)} %`,
    phase.bytes_loaded === null ? UNKNOWN : formatBytes(phase.bytes_loaded),
    phase.bytes_stored === null ? UNKNOWN : formatBytes(phase.bytes_stored),
    `${phase.completed}/${phase.completed + phase.failed}`,
    identical === null ? '' : identical ? 'yes' : `no (${phase.answers_that_differ} differ)`,
  ];
}

/** The cold phase went on long after its last request was sent. */
function coldWaited({ config, phases }: TtftResult): boolean {
  const sending = config.request_rate === null ? 0 : config.num_prompts / config.request_rate;
  return config.num_prompts > 1 && phases.cold.duration_s > 2 * sending;
}

function unproven(result: TtftResult): string[] {
  return PHASES.filter((phase) => result.phases[phase].proven === null).map(
    (phase) => `${phase}: not proven, because the engine shows no counters for it`,
  );
}

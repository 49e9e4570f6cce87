// What a check found: one row of `pega doctor`, of `pega connector doctor`, and of what `pega connector
// install` says in the end.
import type { PegaError } from '../errors.js';
import { renderTable } from '../tables.js';

/** ok; a note: it works, and there is something to know or to gain; a problem: it does not work so. */
export type FindingState = 'ok' | 'note' | 'problem';

export interface Finding {
  /** What was looked at, in a word or two. */
  check: string;
  state: FindingState;
  found: string;
  /** What to do; null where all is well. */
  try: string | null;
}

export const ok = (check: string, found: string): Finding => ({
  check,
  state: 'ok',
  found,
  try: null,
});

export const note = (check: string, found: string, advice: string): Finding => ({
  check,
  state: 'note',
  found,
  try: advice,
});

export const problem = (check: string, found: string, advice: string): Finding => ({
  check,
  state: 'problem',
  found,
  try: advice,
});

/** A check that could not be done, with the error's own advice. */
export const problemOf = (check: string, error: PegaError): Finding =>
  problem(check, error.message, error.suggestions.join('; '));

export function anyProblem(findings: readonly Finding[]): boolean {
  return findings.some(({ state }) => state === 'problem');
}

/** The table, and below it what to do, each line whole so that commands can be copied. */
export function renderFindings(findings: readonly Finding[]): string {
  const table = renderTable(
    ['check', 'state', 'found'],
    findings.map(({ check, state, found }) => [check, state, found]),
  );
  const advice = findings.flatMap((finding) =>
    finding.try === null ? [] : [`${finding.check}: ${finding.try}`],
  );
  return advice.length === 0 ? table : `${table}\n\nTry:\n  ${advice.join('\n  ')}`;
}

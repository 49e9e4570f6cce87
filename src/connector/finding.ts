// What a check found: one row of `pega connector doctor` and of what `install` says in the end.
import { renderTable } from '../tables.js';

export type FindingState = 'ok' | 'warning' | 'wrong';

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

export const warning = (check: string, found: string, advice: string): Finding => ({
  check,
  state: 'warning',
  found,
  try: advice,
});

export const wrong = (check: string, found: string, advice: string): Finding => ({
  check,
  state: 'wrong',
  found,
  try: advice,
});

export function somethingIsWrong(findings: readonly Finding[]): boolean {
  return findings.some(({ state }) => state === 'wrong');
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

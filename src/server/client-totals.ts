// What clients report, added up over all clients of this boot, ended ones included.
//
// A report holds totals since the client's start; a process that starts anew begins at 0 again.

import { LIMITS } from '../limits.js';
import type { Decision, SessionReport } from '../rpc/messages.js';
import type { ProcessEntry } from './engine-entry.js';

const SUMMED = [
  'loadBytes',
  'storeBytes',
  'loadJobs',
  'storeJobs',
  'failedJobs',
  'loadSeconds',
  'storeSeconds',
  'decisionsDropped',
] as const;

export type ClientTotals = Record<(typeof SUMMED)[number], number>;

/** Clients choose the words; more kinds than these are counted as "other". */
const DECISION_KINDS_MAX = 32;

export interface ClientReports {
  readonly totals: ClientTotals;
  readonly decisions: ReadonlyMap<string, number>;
  /** Takes a process's newest report. */
  add(process: ProcessEntry, report: SessionReport): void;
}

export function collectReports(): ClientReports {
  const totals = Object.fromEntries(SUMMED.map((name) => [name, 0])) as ClientTotals;
  const decisions = new Map<string, number>();
  return {
    totals,
    decisions,
    add: (process, report) => {
      const before = process.report;
      for (const name of SUMMED) {
        const had = before?.[name] ?? 0;
        totals[name] += report[name] >= had ? report[name] - had : report[name];
      }
      for (const decision of report.decisions.slice(0, LIMITS.decisionsPerReportMax)) {
        count(decisions, decision);
      }
      process.report = { ...report, decisions: [] };
    },
  };
}

function count(decisions: Map<string, number>, { kind }: Decision): void {
  const key = decisions.has(kind) || decisions.size < DECISION_KINDS_MAX ? kind : 'other';
  decisions.set(key, (decisions.get(key) ?? 0) + 1);
}

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
const DECISION_KIND_CHARS_MAX = 64;

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
      const newest = { ...report, decisions: [] };
      for (const name of SUMMED) {
        const had = process.report?.[name] ?? 0;
        // Doubles of the wire can be anything, and a counter that is told NaN or falls spoils /metrics.
        if (!(Number.isFinite(newest[name]) && newest[name] >= 0)) {
          newest[name] = had;
        }
        totals[name] += newest[name] >= had ? newest[name] - had : newest[name];
      }
      for (const decision of report.decisions.slice(0, LIMITS.decisionsPerReportMax)) {
        count(decisions, decision);
      }
      process.report = newest;
    },
  };
}

function count(decisions: Map<string, number>, decision: Decision): void {
  const kind = decision.kind.slice(0, DECISION_KIND_CHARS_MAX);
  const key = decisions.has(kind) || decisions.size < DECISION_KINDS_MAX ? kind : 'other';
  decisions.set(key, (decisions.get(key) ?? 0) + 1);
}

// Reports come from clients: whatever is in them, totals stay numbers that only rise, and stay small.

import { expect, it } from 'vitest';
import type { SessionReport } from '../../src/rpc/messages.js';
import { collectReports } from '../../src/server/client-totals.js';
import { newProcess } from '../../src/server/engine-entry.js';

const REPORT: SessionReport = {
  loadBytes: 10,
  storeBytes: 20,
  loadJobs: 1,
  storeJobs: 2,
  failedJobs: 0,
  loadSeconds: 0.5,
  storeSeconds: 0.25,
  transfersRunning: 1,
  slabsReady: 4,
  decisions: [],
  decisionsDropped: 0,
};

it.each([Number.NaN, -1, Number.POSITIVE_INFINITY])(
  'a time of %d s counts as none, and the next good report counts again',
  (loadSeconds) => {
    const reports = collectReports();
    const process = newProcess('ROLE_WORKER', 0, 1);
    reports.add(process, REPORT);
    reports.add(process, { ...REPORT, loadSeconds });
    expect(reports.totals.loadSeconds).toBe(0.5);
    reports.add(process, { ...REPORT, loadSeconds: 0.75 });
    expect(reports.totals.loadSeconds).toBe(0.75);
  },
);

it('keeps of a decision’s kind no more than a label', () => {
  const reports = collectReports();
  const decision = { requestId: 'r', kind: 'k'.repeat(1000), cause: '', timeSeconds: 1 };
  reports.add(newProcess('ROLE_WORKER', 0, 1), { ...REPORT, decisions: [decision, decision] });
  expect([...reports.decisions]).toEqual([['k'.repeat(64), 2]]);
});

// scripts/test-counts.mjs: what counts as passed and what as failed.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';

import { parseCtest, parsePytest, parseVitest, readCounts } from '../../scripts/test-counts.mjs';

const ctest = (tests: number, failures: number, skipped: number): string =>
  `<testsuite name="x" tests="${tests}" failures="${failures}" disabled="0" skipped="${skipped}">
     <testcase name="A.B" classname="A.B" time="0.1" status="fail"></testcase></testsuite>`;

const vitest = (...files: { status: string; tests: string[] }[]): string =>
  JSON.stringify({
    testResults: files.map(({ status, tests }) => ({
      name: 'a.test.ts',
      message: 'cannot load',
      status,
      assertionResults: tests.map((state) => ({ fullName: 'a test', status: state })),
    })),
  });

test('ctest: failed and skipped tests have not passed', () => {
  expect(parseCtest(ctest(10, 2, 1))).toEqual({ passed: 7, failed: 3, notes: ['A.B: fail'] });
});

test('pytest: failed and skipped tests, and files that cannot be loaded, have not passed', () => {
  const report = `<?xml version="1.0"?><testsuites name="pytest tests"><testsuite name="pytest" errors="1"
     failures="2" skipped="1" tests="10"><testcase classname="native.test_x" name="test_y" time="0.1"
     ><failure message="no">no</failure></testcase></testsuite></testsuites>`;
  expect(parsePytest(report)).toEqual({
    passed: 6,
    failed: 4,
    notes: ['native.test_x test_y: failure'],
  });
});

test('vitest: failed and skipped tests have not passed', () => {
  const report = vitest({ status: 'failed', tests: ['passed', 'failed', 'skipped', 'todo'] });
  expect(parseVitest(report)).toMatchObject({ passed: 1, failed: 3 });
});

test('vitest: a file that cannot be loaded is a failure', () => {
  const report = vitest({ status: 'passed', tests: ['passed'] }, { status: 'failed', tests: [] });
  expect(parseVitest(report)).toMatchObject({ passed: 1, failed: 1 });
});

test('no report, a broken report and no test at all are failures', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pega-counts-'));
  try {
    const path = join(folder, 'report');
    expect(readCounts(path, parseCtest)).toMatchObject({ passed: 0, failed: 1 });
    await writeFile(path, 'not a report');
    expect(readCounts(path, parseCtest)).toMatchObject({ passed: 0, failed: 1 });
    expect(readCounts(path, parseVitest)).toMatchObject({ passed: 0, failed: 1 });
    await writeFile(path, ctest(0, 0, 0));
    expect(readCounts(path, parseCtest)).toMatchObject({ passed: 0, failed: 1 });
    await writeFile(path, vitest());
    expect(readCounts(path, parseVitest)).toMatchObject({ passed: 0, failed: 1 });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

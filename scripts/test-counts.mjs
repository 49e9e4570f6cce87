// Reads the reports of ctest and pytest (JUnit) and vitest (JSON) into counts. For scripts/test*.mjs.
//
// A test that was found but did not run has not passed: skipped and disabled ones count as failed. A
// report that is missing, unreadable or holds no test is a failure too.
import { readFileSync } from 'node:fs';

/** @typedef {{ passed: number, failed: number, notes: string[] }} Counts */

/**
 * @param {string} path
 * @param {(text: string) => Counts} parse
 * @returns {Counts}
 */
export function readCounts(path, parse) {
  let counts;
  try {
    counts = parse(readFileSync(path, 'utf8'));
  } catch (error) {
    return { passed: 0, failed: 1, notes: [`no report: ${error.message}`] };
  }
  return counts.passed + counts.failed === 0
    ? { passed: 0, failed: 1, notes: ['not one test was found'] }
    : counts;
}

/** The numbers in the head of a JUnit report. */
function suiteCounts(text) {
  const suite = /<testsuite\b[^>]*>/.exec(text);
  if (suite === null) {
    throw new Error('no <testsuite> in it');
  }
  return (name) => {
    const value = new RegExp(`\\b${name}="(\\d+)"`).exec(suite[0]);
    if (value === null) {
      throw new Error(`<testsuite> has no ${name}`);
    }
    return Number(value[1]);
  };
}

/** @returns {Counts} */
export function parseCtest(text) {
  const count = suiteCounts(text);
  const failed = count('failures') + count('disabled') + count('skipped');
  const notes = [];
  for (const [, name, status] of text.matchAll(
    /<testcase name="([^"]*)"[^>]*\bstatus="([^"]*)"/g,
  )) {
    if (status !== 'run') {
      notes.push(`${name}: ${status}`);
    }
  }
  return { passed: count('tests') - failed, failed, notes };
}

/** @returns {Counts} */
export function parsePytest(text) {
  const count = suiteCounts(text);
  const failed = count('failures') + count('errors') + count('skipped');
  const notes = [];
  const cases = /<testcase classname="([^"]*)" name="([^"]*)"[^>]*><(failure|error|skipped)\b/g;
  for (const [, file, name, status] of text.matchAll(cases)) {
    notes.push(`${file} ${name}: ${status}`);
  }
  return { passed: Math.max(0, count('tests') - failed), failed, notes };
}

/** @returns {Counts} */
export function parseVitest(text) {
  const report = JSON.parse(text);
  let passed = 0;
  let failed = 0;
  const notes = [];
  for (const file of report.testResults) {
    let failedHere = 0;
    for (const test of file.assertionResults) {
      if (test.status === 'passed') {
        passed += 1;
      } else {
        failedHere += 1;
        notes.push(`${test.fullName}: ${test.status}`);
      }
    }
    // A file that could not be loaded, or whose hooks failed, has no failed test to show for it.
    if (file.status !== 'passed' && failedHere === 0) {
      failedHere = 1;
      notes.push(`${file.name}: ${file.message}`);
    }
    failed += failedHere;
  }
  return { passed, failed, notes };
}

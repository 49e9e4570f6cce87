// The report for a person: a table for each section, then notes, then problems, each with what to do.
// Text is wrapped to the terminal; commands to copy stand on lines of their own and are not.

import { renderCalibration } from './calibration.js';
import { explainExpected, renderExpected } from './expected-ttft.js';
import { type HostFinding, SECTIONS, type Section } from './host-finding.js';
import type { DoctorReport } from './report.js';

const COLUMNS_LEAST = 60;
const COLUMNS_MOST = 120;
const MARKS = { ok: 'ok', note: 'note', problem: 'PROBLEM' } as const;
const MARK_WIDTH = 7;

/** @param columns of the terminal; undefined where there is none. */
export function renderReport(report: DoctorReport, columns: number | undefined): string {
  const width = Math.min(COLUMNS_MOST, Math.max(COLUMNS_LEAST, columns ?? COLUMNS_MOST));
  const sections = SECTIONS.map((section) => renderSection(section, report, width));
  const advice = (['note', 'problem'] as const).map((state) =>
    renderAdvice(state, report.findings, width),
  );
  return [...sections, ...advice, verdict(report)].filter((part) => part !== '').join('\n\n');
}

function renderSection(section: Section, report: DoctorReport, width: number): string {
  const rows = report.findings.filter((finding) => finding.section === section);
  const body = [...renderRows(rows, width), ...extra(section, report, width)];
  return body.length === 0 ? '' : [section, ...body].join('\n');
}

function renderRows(rows: readonly HostFinding[], width: number): string[] {
  const checkWidth = Math.max(...rows.map(({ check }) => check.length));
  const indent = 2 + MARK_WIDTH + 2 + checkWidth + 2;
  return rows.flatMap(({ check, state, found }) => {
    const [first = '', ...more] = wrap(found, width - indent);
    const head = `  ${MARKS[state].padEnd(MARK_WIDTH)}  ${check.padEnd(checkWidth)}  ${first}`;
    return [head, ...more.map((line) => `${' '.repeat(indent)}${line}`)];
  });
}

/** Tables that are no findings. */
function extra(section: Section, { facts }: DoctorReport, width: number): string[] {
  if (section === 'time to first token' && facts.expected !== null) {
    const words = wrap(explainExpected(facts.expected), width - 2).join('\n');
    return [indented(`${renderExpected(facts.expected.rows)}\n\n${words}`)];
  }
  if (section === 'calibration') {
    return facts.calibrations.map((made) =>
      indented(`\nGPU ${made.gpuOrdinal}\n${renderCalibration(made)}`),
    );
  }
  return [];
}

function renderAdvice(
  state: 'note' | 'problem',
  findings: readonly HostFinding[],
  width: number,
): string {
  const rows = findings.filter((finding) => finding.state === state);
  if (rows.length === 0) {
    return '';
  }
  const lines = rows.flatMap(({ section, check, required, try: advice }) => [
    `  ${section}: ${check}`,
    ...(required === null
      ? []
      : wrap(`required: ${required}`, width - 4).map((line) => `    ${line}`)),
    `    ${advice ?? ''}`,
  ]);
  return [state === 'note' ? 'what could be better' : 'what to mend', ...lines].join('\n');
}

function verdict({ fit, findings }: DoctorReport): string {
  const count = (state: 'note' | 'problem') =>
    findings.filter((finding) => finding.state === state).length;
  const counted = `${count('problem')} problems, ${count('note')} notes`;
  return fit ? `This host is fit for pega (${counted}).` : `This host is not fit yet (${counted}).`;
}

function indented(text: string): string {
  return text.replace(/^(?=.)/gm, '  ');
}

/** Lines of at most `width` columns, broken at blanks; a longer word has a line of its own. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

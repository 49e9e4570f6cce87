// Rows as text tables.
import Table from 'cli-table3';
import type { Row } from './words.js';

export function renderTable(head: readonly string[], rows: readonly Row[]): string {
  const table = new Table({ head: [...head], style: { head: [], border: [] } });
  table.push(...rows);
  return table.toString();
}

/** Name and value, without lines: what is read from top to bottom. */
export function renderFacts(rows: readonly Row[]): string {
  const width = Math.max(...rows.map(([name = '']) => name.length));
  return rows.map(([name = '', value = '']) => `${name.padEnd(width)}  ${value}`).join('\n');
}

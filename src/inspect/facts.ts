// Names and values below each other, as inspect shows what is one of its kind.
import type { Row } from './words.js';

export function renderFacts(rows: readonly Row[]): string {
  const width = Math.max(...rows.map(([name = '']) => name.length));
  return rows.map(([name = '', value = '']) => `${name.padEnd(width)}  ${value}`).join('\n');
}

// A figure of bench:engine: what was measured, and the limit beside it. Knows nothing of how it is
// measured.
import Table from 'cli-table3';

export interface Figure {
  name: string;
  value: number;
  unit: string;
  /** Neither: printed for comparison. */
  limit?: { atMost: number } | { atLeast: number };
  /** What the figure rests on. */
  note?: string;
}

/** True without a limit. */
export function holds({ value, limit }: Figure): boolean {
  if (limit === undefined) {
    return true;
  }
  return 'atMost' in limit ? value <= limit.atMost : value >= limit.atLeast;
}

export function renderFigures(figures: readonly Figure[]): string {
  const table = new Table({
    head: ['figure', 'measured', 'limit', '', 'note'],
    colAligns: ['left', 'right', 'right', 'left', 'left'],
    style: { head: [], border: [] },
  });
  for (const figure of figures) {
    const { name, value, unit, limit, note } = figure;
    table.push([
      name,
      `${format(value)} ${unit}`,
      limit === undefined ? '' : formatLimit(limit, unit),
      limit === undefined ? '' : holds(figure) ? 'ok' : 'MISSED',
      note ?? '',
    ]);
  }
  return table.toString();
}

function formatLimit(limit: NonNullable<Figure['limit']>, unit: string): string {
  return 'atMost' in limit
    ? `≤ ${format(limit.atMost)} ${unit}`
    : `≥ ${format(limit.atLeast)} ${unit}`;
}

function format(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

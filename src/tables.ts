// Tables for a terminal: a rule below the head and no other lines, so that ten columns fit into 80.
import Table from 'cli-table3';

/** No outer lines and none between columns; one below the head. */
const LINES = {
  ...{ top: '', 'top-left': '', 'top-mid': '', 'top-right': '' },
  ...{ bottom: '', 'bottom-left': '', 'bottom-mid': '', 'bottom-right': '' },
  ...{ 'left-mid': '', mid: '─', 'mid-mid': '──', 'right-mid': '' },
  ...{ left: '', middle: '  ', right: '' },
};

/** @param align of the columns after the first: numbers stand to the right. */
export function renderTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  align: 'left' | 'right' = 'left',
): string {
  const table = new Table({
    head: [...head],
    chars: LINES,
    style: { head: [], border: [], compact: true, 'padding-left': 0, 'padding-right': 0 },
    colAligns: head.map((_, column) => (column === 0 ? 'left' : align)),
  });
  table.push(...rows.map((row) => [...row]));
  return table.toString().replace(/ +$/gm, '');
}

// Tables: aligned, ruled below the head, nothing at the ends of lines.
import { expect, test } from 'vitest';
import { renderTable } from '../src/tables.js';

test('numbers stand to the right, and a line ends with its last word', () => {
  const table = renderTable(
    ['phase', 'mean', 'same'],
    [
      ['cold', '1030.4', ''],
      ['hbm', '9.0', 'yes'],
    ],
    'right',
  );
  expect(table.split('\n')).toEqual([
    'phase    mean  same',
    '───────────────────',
    'cold   1030.4',
    'hbm       9.0   yes',
  ]);
});

test('an empty table is its head', () => {
  expect(renderTable(['a', 'b'], []).split('\n')[0]).toBe('a  b');
});

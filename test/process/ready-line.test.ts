// The ready line: pairs, values with spaces and equals signs, other lines.
import { describe, expect, it } from 'vitest';
import { parseReadyLine } from '../../src/process/ready-line.js';

describe('parseReadyLine', () => {
  it.each<[string, Record<string, string> | undefined]>([
    ['ready', {}],
    ['ready pid=1', { pid: '1' }],
    [
      'ready socket=/a b/c=d http=[::1]:1 boot=2',
      { socket: '/a b/c=d', http: '[::1]:1', boot: '2' },
    ],
    ['ready empty= x=1', { empty: '', x: '1' }],
    ['readying x=1', undefined],
    ['not ready x=1', undefined],
    ['', undefined],
  ])('%s', (line, pairs) => {
    const parsed = parseReadyLine(line);
    expect(parsed && Object.fromEntries(parsed)).toEqual(pairs);
  });
});

// Sizes as people write and read them.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatBytes, parseBytes } from '../src/units.js';

describe('parseBytes', () => {
  it.each([
    ['1', 1],
    ['4096b', 4096],
    ['1kb', 1024],
    ['500mb', 500 * 1024 ** 2],
    ['30gb', 30 * 1024 ** 3],
    ['30GB', 30 * 1024 ** 3],
    ['1.5tb', 1.5 * 1024 ** 4],
    ['0.5kb', 512],
    ['1024tb', 2 ** 50],
  ])('%s', (text, bytes) => {
    expect(parseBytes(text)).toBe(bytes);
  });

  it.each([
    '30 g b',
    '-1gb',
    '1e99tb',
    '',
    ' 1gb',
    '1gb ',
    'gb',
    '1.gb',
    '.5gb',
    '1,5gb',
    '30gib',
    '30g',
    'Infinity',
    '0x10',
    '0',
    '0.1b',
    '1025tb',
    `${'9'.repeat(400)}gb`,
  ])('refuses "%s" with what is required and an example', (text) => {
    expect(() => parseBytes(text)).toThrow(
      expect.objectContaining({
        code: 'PEGA_INVALID_ARGUMENT',
        message: expect.stringMatching(/required/),
        suggestions: [expect.stringContaining('30gb')],
      }),
    );
  });

  it('gives whole bytes in range for any text, or refuses it', () => {
    const text = fc.oneof(fc.string(), fc.stringMatching(/^\d{1,20}(\.\d{1,8})?(b|kb|mb|gb|tb)?$/));
    fc.assert(
      fc.property(text, (candidate) => {
        let bytes: number;
        try {
          bytes = parseBytes(candidate);
        } catch {
          return true;
        }
        return Number.isSafeInteger(bytes) && bytes >= 1 && bytes <= 2 ** 50;
      }),
    );
  });
});

describe('formatBytes', () => {
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [1536, '1.5 KiB'],
    [1024 ** 2 - 1, '1.0 MiB'],
    [30 * 1024 ** 3, '30.0 GiB'],
    [2 ** 60, '1024.0 PiB'],
  ])('%d', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});

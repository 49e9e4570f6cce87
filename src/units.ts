// Byte sizes as people write them: "30gb" in, "30.0 GiB" out.
//
// Used wherever a size is read from a flag, variable or file, or shown. kb, mb, gb and tb are powers
// of 1024, as upstream PegaFlow's users write them.

import { PegaError } from './errors.js';

const UNIT_BYTES: Record<string, number> = {
  b: 1,
  kb: 1024,
  mb: 1024 ** 2,
  gb: 1024 ** 3,
  tb: 1024 ** 4,
};
const BYTES_MAX = 2 ** 50;

/** "500mb", "1.5tb", "4096": whole bytes, 1 to 2^50. Anything else is PEGA_INVALID_ARGUMENT. */
export function parseBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(b|kb|mb|gb|tb)?$/i.exec(text);
  const unit = UNIT_BYTES[(match?.[2] ?? 'b').toLowerCase()];
  if (match === null || unit === undefined) {
    throw new PegaError(
      'PEGA_INVALID_ARGUMENT',
      `"${text}" is not a size; required is a number and one of b, kb, mb, gb, tb (1024ⁿ bytes) without spaces`,
      { suggestions: ['write it like 30gb, 500mb or 1.5tb'] },
    );
  }
  const bytes = Math.round(Number(match[1]) * unit);
  if (!(bytes >= 1 && bytes <= BYTES_MAX)) {
    throw new PegaError(
      'PEGA_INVALID_ARGUMENT',
      `"${text}" is out of range; required is a size of at least 1 byte and at most 1024tb`,
      { suggestions: ['write it like 30gb, 500mb or 1.5tb'] },
    );
  }
  return bytes;
}

const SHOWN_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** 1536 → "1.5 KiB"; whole bytes below 1 KiB. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let index = 0;
  // 1023.95 would be rounded to "1024.0" of the smaller unit.
  while (Math.abs(value) >= 1023.95 && index < SHOWN_UNITS.length - 1) {
    value /= 1024;
    index += 1;
  }
  const shown = index === 0 ? String(Math.round(value)) : value.toFixed(1);
  return `${shown} ${SHOWN_UNITS[index] ?? 'B'}`;
}

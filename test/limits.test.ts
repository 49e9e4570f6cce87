// src/limits.ts repeats bounds of native/base/limits.h for the wire: the two must agree.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

import { LIMITS, PAGE_BYTES, SLOT_BYTES_ON_WIRE } from '../src/limits.js';

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');

/** kHashBytesMax → hashBytesMax: the constants of a header, `8` or `std::uint64_t{16} << 20`. */
function constantsOf(path: string): Record<string, number> {
  const constant =
    /inline constexpr std::uint(?:32|64)_t k(\w+) = (?:std::uint64_t\{)?(\d+)(?:\} << (\d+))?;/g;
  return Object.fromEntries(
    [...read(path).matchAll(constant)].map(([, name = '', value, shift = '0']) => [
      `${name[0]?.toLowerCase()}${name.slice(1)}`,
      Number(value) * 2 ** Number(shift),
    ]),
  );
}

const native = constantsOf('native/base/limits.h');

/** Bounds of messages alone, which the native engine does not know. */
const WIRE_ONLY = [
  'messageBytesMax',
  'leasesPerReleaseMax',
  'identityFieldsMax',
  'identityKeyCharsMax',
  'identityValueCharsMax',
  'decisionsPerReportMax',
];

test('every bound of src/limits.ts is the native one, or one of the wire alone', () => {
  const shared = Object.entries(LIMITS).filter(([name]) => !WIRE_ONLY.includes(name));
  expect(shared.length).toBeGreaterThan(8);
  expect(Object.fromEntries(shared)).toEqual(
    Object.fromEntries(shared.map(([name]) => [name, native[name]])),
  );
});

test('pages and slots have the size that native code gives them', () => {
  expect(constantsOf('native/base/slot_address.h')).toEqual({ pageBytes: PAGE_BYTES });
  expect(read('native/base/slot_address.h')).toContain(
    `static_assert(sizeof(SlotAddress) == ${SLOT_BYTES_ON_WIRE});`,
  );
});

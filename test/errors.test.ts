// The table of errors: every code has all that people and programs need.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { EXIT, grpcStatusOf, isPegaCode, PegaError, toPegaError } from '../src/errors.js';

/** The codes of the table, read from its source: nothing exports it. */
function allCodes(): string[] {
  const source = readFileSync(new URL('../src/errors.ts', import.meta.url), 'utf8');
  const table = source.slice(source.indexOf('const KINDS'), source.indexOf('as const satisfies'));
  return [...table.matchAll(/^ {2}(PEGA_\w+): \{/gm)].map((match) => match[1] ?? '');
}

describe('every code', () => {
  it('is found', () => {
    expect(allCodes().length).toBeGreaterThan(20);
  });

  it.each(allCodes())('%s has exit code, gRPC status and advice', (code) => {
    if (!isPegaCode(code)) {
      throw new Error(`${code} is not a code`);
    }
    const error = new PegaError(code, 'found and required');
    expect(Object.values(EXIT)).toContain(error.exitCode);
    expect(error.exitCode).not.toBe(EXIT.ok);
    expect(error.oclif.exit).toBe(error.exitCode); // the two fields that oclif reads
    expect(error.suggestions.join('')).not.toBe('');
    expect(grpcStatusOf(code)).toBeGreaterThan(0);
    expect(grpcStatusOf(code)).toBeLessThanOrEqual(16);
  });

  it('of the native engine is known here', () => {
    const status = readFileSync(new URL('../native/base/status.cc', import.meta.url), 'utf8');
    const native = [...status.matchAll(/"(PEGA_\w+)"/g)].map((match) => match[1]);
    expect(native.length).toBeGreaterThan(10);
    expect(native.filter((code) => !isPegaCode(code))).toEqual(['PEGA_OK']); // no error
  });
});

describe('toPegaError', () => {
  it('keeps a PegaError as it is', () => {
    const error = new PegaError('PEGA_LIMIT', 'x');
    expect(toPegaError(error)).toBe(error);
  });

  it('keeps the code of a native error', () => {
    const native = Object.assign(new Error('no such lease'), { code: 'PEGA_NOT_FOUND' });
    expect(toPegaError(native)).toMatchObject({ code: 'PEGA_NOT_FOUND', message: 'no such lease' });
  });

  it.each([new Error('boom'), Object.assign(new Error('boom'), { code: 'ENOENT' }), 'boom'])(
    'makes a stranger PEGA_INTERNAL',
    (stranger) => {
      expect(toPegaError(stranger)).toMatchObject({ code: 'PEGA_INTERNAL', message: 'boom' });
    },
  );

  it('takes no inherited name for a code', () => {
    expect(isPegaCode('toString')).toBe(false);
    expect(isPegaCode(undefined)).toBe(false);
  });
});

// Each phase is what its name says, or the run does not count.
import { describe, expect, it } from 'vitest';
import { judge, tokensThatCanHit } from '../../src/bench/claims.js';

const CONTEXT = { promptCount: 8, inputTokens: 2048, blockTokens: 16 };
const ALL = 8 * 127 * 16;

describe('tokensThatCanHit', () => {
  it('leaves out the block with the last token', () => {
    expect(tokensThatCanHit(CONTEXT)).toBe(ALL);
    expect(tokensThatCanHit({ ...CONTEXT, inputTokens: 2049 })).toBe(8 * 128 * 16);
    expect(tokensThatCanHit({ ...CONTEXT, inputTokens: 16 })).toBe(0);
  });
});

describe('judge', () => {
  it.each([
    { phase: 'cold', localTokens: 0, externalTokens: 0, proven: true },
    { phase: 'cold', localTokens: 128, externalTokens: 0, proven: true },
    { phase: 'cold', localTokens: 129, externalTokens: 0, proven: false },
    { phase: 'cold', localTokens: 0, externalTokens: ALL, proven: false },
    { phase: 'hbm', localTokens: ALL, externalTokens: 0, proven: true },
    { phase: 'hbm', localTokens: 0, externalTokens: ALL, proven: false },
    { phase: 'hbm', localTokens: ALL / 2, externalTokens: 0, proven: false },
    { phase: 'host', localTokens: 0, externalTokens: ALL, proven: true },
    { phase: 'host', localTokens: 0, externalTokens: 0, proven: false },
    { phase: 'host', localTokens: ALL, externalTokens: 0, proven: false },
    { phase: 'host', localTokens: ALL / 4, externalTokens: ALL, proven: false },
    { phase: 'host', localTokens: null, externalTokens: ALL, proven: null },
    { phase: 'cold', localTokens: 0, externalTokens: null, proven: null },
  ] as const)('$phase with $localTokens local, $externalTokens external: $proven', (given) => {
    expect(judge(given.phase, given, CONTEXT).proven).toBe(given.proven);
  });
});

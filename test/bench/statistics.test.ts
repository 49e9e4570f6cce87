// The statistics against numpy's values.
import { describe, expect, it } from 'vitest';
import { percentile, summarize } from '../../src/bench/statistics.js';

describe('percentile', () => {
  it.each([
    // numpy.percentile(samples, percent)
    { samples: [7], percent: 99, expected: 7 },
    { samples: [1, 2], percent: 50, expected: 1.5 },
    { samples: [1, 2], percent: 99, expected: 1.99 },
    { samples: [15, 20, 35, 40, 50], percent: 40, expected: 29 },
    { samples: [3, 6, 7, 8, 8, 10, 13, 15, 16, 20], percent: 99, expected: 19.64 },
    { samples: [3, 6, 7, 8, 8, 10, 13, 15, 16, 20], percent: 0, expected: 3 },
    { samples: [3, 6, 7, 8, 8, 10, 13, 15, 16, 20], percent: 100, expected: 20 },
  ])('$percent of $samples is $expected', ({ samples, percent, expected }) => {
    expect(percentile(samples, percent)).toBeCloseTo(expected, 10);
  });

  it('sorts by value and leaves the samples as they were', () => {
    const samples = [10, 9, 100, 1];
    expect(percentile(samples, 50)).toBe(9.5);
    expect(samples).toEqual([10, 9, 100, 1]);
  });
});

describe('summarize', () => {
  it('gives mean, p50 and p99', () => {
    expect(summarize([1, 2, 3, 4])).toEqual({ mean: 2.5, p50: 2.5, p99: expect.closeTo(3.97, 10) });
  });

  it('has nothing to say of no samples', () => {
    expect(summarize([])).toBeNull();
  });
});

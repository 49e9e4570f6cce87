// How two engines compare that were asked the same things in turn: the median of the ratios, with a
// bootstrap interval.

import { type Random, seededRandom } from '../../../src/bench/random.js';
import { percentile } from '../../../src/bench/statistics.js';

export interface Interval {
  low: number;
  median: number;
  high: number;
}

const RESAMPLES = 4000;

/** 95 % interval of the median of after ÷ before, pair by pair. */
export function ratioInterval(after: readonly number[], before: readonly number[]): Interval {
  const ratios = after.map((value, index) => value / (before[index] ?? Number.NaN));
  const random = seededRandom(1);
  const medians = Array.from({ length: RESAMPLES }, () => median(resample(ratios, random)));
  return {
    low: percentile(medians, 2.5),
    median: median(ratios),
    high: percentile(medians, 97.5),
  };
}

/** How far a ratio of two equal engines may be from 1, upwards, by that interval of theirs. */
export function noiseOf({ low, high }: Interval): number {
  return Math.max(high, 1 / low) - 1;
}

export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

export function formatInterval({ low, median: middle, high }: Interval): string {
  return `${middle.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`;
}

function resample(values: readonly number[], random: Random): number[] {
  return values.map(() => values[random.integer(values.length)] ?? Number.NaN);
}

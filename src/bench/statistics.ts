// Mean and percentiles as `vllm bench serve` reports them: numpy's, with linear interpolation.

export interface Summary {
  mean: number;
  p50: number;
  p99: number;
}

/** Null for no samples: nothing was measured, which is not 0. */
export function summarize(samples: readonly number[]): Summary | null {
  if (samples.length === 0) {
    return null;
  }
  return {
    mean: samples.reduce((sum, sample) => sum + sample, 0) / samples.length,
    p50: percentile(samples, 50),
    p99: percentile(samples, 99),
  };
}

/** @param percent 0 to 100. REQUIRES: at least one sample. */
export function percentile(samples: readonly number[], percent: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const position = (percent / 100) * (sorted.length - 1);
  const below = sorted[Math.floor(position)];
  const above = sorted[Math.ceil(position)];
  if (below === undefined || above === undefined) {
    throw new RangeError(`no percentile ${percent} of ${sorted.length} samples`);
  }
  return below + (above - below) * (position - Math.floor(position));
}

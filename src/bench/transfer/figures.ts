// From the samples of a scenario to its figures. Pure.
import type { LatencySamples, Measurement, Scenario } from '../../engine/gauge.js';
import { percentile } from '../statistics.js';
import type { DirectionShare, LatencyResult, ScenarioResult, Spread } from './result.js';

export function spreadOf(samples: readonly number[]): Spread {
  return {
    median: percentile(samples, 50),
    min: Math.min(...samples),
    max: Math.max(...samples),
  };
}

type Figures = Pick<
  ScenarioResult,
  | 'bytes_per_s'
  | 'link_share'
  | 'submit_ms'
  | 'cpu_ms'
  | 'submit_driver_calls'
  | 'driver_calls'
  | 'staged_share'
  | 'load'
  | 'store'
  | 'product_slowdown'
  | 'samples'
>;

const NOTHING_ELSE = {
  ...{ submit_ms: null, cpu_ms: null, submit_driver_calls: null, driver_calls: null },
  ...{ staged_share: null, load: null, store: null, product_slowdown: null },
};

export function scenarioResult(scenario: Scenario, measured: Measurement): ScenarioResult {
  return {
    direction: scenario.direction,
    kind: scenario.direction === 'store' ? null : scenario.synchronous ? 'sync' : 'async',
    segment_bytes: scenario.segmentBytes,
    layers: scenario.layers,
    slots: scenario.slots,
    device_order: scenario.deviceOrder,
    host_order: scenario.hostOrder,
    plan: scenario.plan,
    beside_product: scenario.besideProduct,
    job_bytes: measured.jobBytes,
    groups: scenario.direction === 'store' ? null : measured.groups,
    ...figuresOf(scenario, measured),
    verified: measured.checkedJobs === 0 ? null : measured.wrongSegments === 0,
    checked_jobs: measured.checkedJobs,
    wrong_segments: measured.wrongSegments,
    first_wrong: measured.firstWrong === '' ? null : measured.firstWrong,
    pin_s: measured.pinSeconds,
    pinned_bytes: measured.pinnedBytes,
  };
}

function figuresOf(scenario: Scenario, measured: Measurement): Figures {
  if (scenario.direction === 'both') {
    return bothFigures(measured);
  }
  return scenario.besideProduct ? productFigures(measured) : jobFigures(measured);
}

function jobFigures({ jobs, jobBytes }: Measurement): Figures {
  const median = (values: number[]) => percentile(values, 50);
  return {
    ...NOTHING_ELSE,
    bytes_per_s: spreadOf(jobs.map(({ seconds }) => jobBytes / seconds)),
    link_share: spreadOf(
      jobs.map(({ seconds, linkBytesPerSecond }) => jobBytes / seconds / linkBytesPerSecond),
    ),
    submit_ms: spreadOf(jobs.map(({ submitSeconds }) => submitSeconds * 1e3)),
    cpu_ms: spreadOf(jobs.map(({ cpuSeconds }) => cpuSeconds * 1e3)),
    submit_driver_calls: median(jobs.map(({ submitDriverCalls }) => submitDriverCalls)),
    driver_calls: median(jobs.map(({ driverCalls }) => driverCalls)),
    staged_share: median(jobs.map(({ stagedBytes }) => stagedBytes / jobBytes)),
    samples: jobs.map((job) => ({
      seconds: job.seconds,
      submit_seconds: job.submitSeconds,
      cpu_seconds: job.cpuSeconds,
      submit_driver_calls: job.submitDriverCalls,
      driver_calls: job.driverCalls,
      staged_bytes: job.stagedBytes,
      direct_bytes: job.directBytes,
      link_bytes_per_s: job.linkBytesPerSecond,
    })),
  };
}

function bothFigures({ both }: Measurement): Figures {
  const shareOf = (rates: number[], alone: number[]): DirectionShare => ({
    bytes_per_s: spreadOf(rates),
    share_of_alone: spreadOf(rates.map((rate, i) => rate / (alone[i] ?? Number.NaN))),
  });
  return {
    ...NOTHING_ELSE,
    bytes_per_s: spreadOf(both.map(({ load, store }) => load + store)),
    link_share: spreadOf(both.map(({ load, store, linkBoth }) => (load + store) / linkBoth)),
    load: shareOf(
      both.map(({ load }) => load),
      both.map(({ loadAlone }) => loadAlone),
    ),
    store: shareOf(
      both.map(({ store }) => store),
      both.map(({ storeAlone }) => storeAlone),
    ),
    samples: both.map((sample) => ({
      load_alone_bytes_per_s: sample.loadAlone,
      store_alone_bytes_per_s: sample.storeAlone,
      load_bytes_per_s: sample.load,
      store_bytes_per_s: sample.store,
      link_both_bytes_per_s: sample.linkBoth,
    })),
  };
}

function productFigures({ product }: Measurement): Figures {
  return {
    ...NOTHING_ELSE,
    bytes_per_s: spreadOf(product.map(({ copyBytesPerSecond }) => copyBytesPerSecond)),
    link_share: spreadOf(
      product.map(
        ({ copyBytesPerSecond, linkBytesPerSecond }) => copyBytesPerSecond / linkBytesPerSecond,
      ),
    ),
    product_slowdown: spreadOf(
      product.map(({ aloneSeconds, besideSeconds }) => besideSeconds / aloneSeconds - 1),
    ),
    samples: product.map((sample) => ({
      alone_seconds: sample.aloneSeconds,
      beside_seconds: sample.besideSeconds,
      covered: sample.covered,
      copy_bytes_per_s: sample.copyBytesPerSecond,
      link_bytes_per_s: sample.linkBytesPerSecond,
    })),
  };
}

export function latencyResult(
  direction: 'load' | 'store',
  synchronous: boolean,
  { blockBytes, spinning, waiting }: LatencySamples,
): LatencyResult {
  const microseconds = (samples: number[]) =>
    samples.map((seconds) => Number((seconds * 1e6).toFixed(2)));
  const samples = { spinning_us: microseconds(spinning), waiting_us: microseconds(waiting) };
  const summary = (values: number[]) => ({
    p50: percentile(values, 50),
    p99: percentile(values, 99),
  });
  return {
    direction,
    kind: direction === 'store' ? null : synchronous ? 'sync' : 'async',
    block_bytes: blockBytes,
    spinning_us: summary(samples.spinning_us),
    waiting_us: summary(samples.waiting_us),
    samples,
  };
}

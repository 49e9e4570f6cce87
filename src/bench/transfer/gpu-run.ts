// All scenarios on one GPU, one after the other, each told as it ends.
import type { GpuFacts } from '../../engine/cuda.js';
import type { LinkRates, Measurement, Scenario, TransferGauge } from '../../engine/gauge.js';
import { toPegaError } from '../../errors.js';
import type { Progress } from '../../progress.js';
import { formatBytes } from '../../units.js';
import { latencyResult, scenarioResult } from './figures.js';
import { formatRate, formatShare } from './formats.js';
import { describeGpu } from './gpu-machine.js';
import type { GpuResult, LatencyResult, Problem, ScenarioResult } from './result.js';
import { describeScenario } from './scenarios.js';

export interface GpuRunOptions {
  gauge: TransferGauge;
  gpu: GpuFacts;
  scenarios: readonly Scenario[];
  latencyCount: number;
  progress: Progress;
}

export interface GpuMeasurement {
  result: GpuResult;
  problems: Problem[];
  slabPages: Measurement['slabPages'] | null;
}

/** The piece by which latencies are told, where it is among those measured. */
const LATENCY_SEGMENT_BYTES = 65_536;

export async function measureGpu(options: GpuRunOptions): Promise<GpuMeasurement> {
  const { gauge, gpu, scenarios, progress } = options;
  progress.note(`GPU ${gpu.ordinal}: ${gpu.name}`);
  const link = await gauge.measureLink();
  const described = describeGpu(gpu);
  progress.note(
    `link: ${formatRate(link.toDevice)} to the GPU, ${formatRate(link.toHost)} back, ${formatRate(link.both)} both at once`,
  );
  const run = new GpuRun(options);
  const phase = progress.phase(`GPU ${gpu.ordinal}`, scenarios.length, 'scenarios');
  try {
    for (const [index, scenario] of scenarios.entries()) {
      await run.measure(scenario);
      phase.update(index + 1);
    }
  } finally {
    phase.end();
  }
  const { last } = run;
  return {
    result: {
      ...described,
      link: linkResult(link),
      product_tera_flops: positive(run.productTeraFlops),
      device_bytes: last?.deviceBytes ?? null,
      staging_bytes: last?.stagingBytes ?? null,
      calibration_kept: last === undefined ? null : last.calibration.startsWith('/'),
      latency: run.latency,
      scenarios: run.results,
    },
    problems: run.problems,
    slabPages: last?.slabPages ?? null,
  };
}

class GpuRun {
  readonly results: ScenarioResult[] = [];
  readonly problems: Problem[] = [];
  readonly latency: LatencyResult[] = [];
  last: Measurement | undefined;
  productTeraFlops = 0;
  readonly #options: GpuRunOptions;
  #latencyBytes: number | undefined;

  constructor(options: GpuRunOptions) {
    this.#options = options;
    const pieces = options.scenarios.map(({ segmentBytes }) => segmentBytes);
    this.#latencyBytes =
      options.latencyCount === 0
        ? undefined
        : (pieces.find((bytes) => bytes === LATENCY_SEGMENT_BYTES) ?? pieces[0]);
  }

  /** A scenario that can't be measured is a problem of the run; a GPU that failed ends it. */
  async measure(scenario: Scenario): Promise<void> {
    const { gauge, gpu, progress } = this.#options;
    try {
      const measured = await gauge.measure(scenario);
      this.#take(scenario, measured);
      if (scenario.segmentBytes === this.#latencyBytes) {
        this.#latencyBytes = undefined;
        await this.#measureLatency(scenario);
      }
    } catch (thrown) {
      const { code, message } = toPegaError(thrown);
      if (code === 'PEGA_DEVICE' || code === 'PEGA_CANCELLED' || code === 'PEGA_INTERNAL') {
        throw thrown;
      }
      const text = `GPU ${gpu.ordinal}, ${describeScenario(scenario, formatBytes)}: not measured: ${message}`;
      this.problems.push({ kind: 'not_measured', gpu: gpu.ordinal, message: text });
      progress.note(text);
    }
  }

  #take(scenario: Scenario, measured: Measurement): void {
    const { gpu, progress } = this.#options;
    const result = scenarioResult(scenario, measured);
    this.last = measured;
    this.productTeraFlops = Math.max(this.productTeraFlops, measured.productTeraFlops);
    this.results.push(result);
    const name = describeScenario(scenario, formatBytes);
    progress.note(
      `${name}: ${formatRate(result.bytes_per_s.median)}, ${formatShare(result.link_share.median)} of the link`,
    );
    if (result.verified === false) {
      const message = `GPU ${gpu.ordinal}, ${name}: ${result.wrong_segments} segments hold wrong bytes, first ${result.first_wrong}`;
      this.problems.push({ kind: 'wrong_bytes', gpu: gpu.ordinal, message });
    }
  }

  /** In the memory of the scenario that was measured last. */
  async #measureLatency(scenario: Scenario): Promise<void> {
    const { gauge, latencyCount } = this.#options;
    for (const [direction, synchronous] of [
      ['load', true],
      ['load', false],
      ['store', false],
    ] as const) {
      const one = { ...scenario, direction, synchronous, besideProduct: false };
      this.latency.push(
        latencyResult(direction, synchronous, await gauge.measureLatency(one, latencyCount)),
      );
    }
  }
}

function linkResult(link: LinkRates): GpuResult['link'] {
  return {
    to_device: link.toDevice,
    to_host: link.toHost,
    both: link.both,
    one_copy_to_device: positive(link.oneCopyToDevice),
    one_copy_to_host: positive(link.oneCopyToHost),
  };
}

/** 0 stands for what was not measured. */
function positive(number: number): number | null {
  return number > 0 ? number : null;
}

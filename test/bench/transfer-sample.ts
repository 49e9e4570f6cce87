// A result of `pega bench transfer` made up from samples, through the code that makes real ones.
import { latencyResult, scenarioResult } from '../../src/bench/transfer/figures.js';
import type { ScenarioResult, TransferResult } from '../../src/bench/transfer/result.js';
import { type Matrix, scenariosOf } from '../../src/bench/transfer/scenarios.js';
import type { Measurement, Scenario } from '../../src/engine/gauge.js';

export const MATRIX: Matrix = {
  directions: ['load', 'store', 'both'],
  kinds: ['sync'],
  segmentBytes: [8192, 65_536],
  layers: [32],
  slots: [625],
  orders: [
    { device: 'run', host: 'run' },
    { device: 'shuffled', host: 'run' },
    { device: 'runs16', host: 'runs16' },
    { device: 'shuffled', host: 'shuffled' },
  ],
  plans: ['auto'],
  besideProduct: true,
  layersPerGroup: 4,
  repeats: 3,
  seed: 1,
  verify: true,
};

const LINK = 55e9;
const SHARES = { run: 1, runs16: 0.96, shuffled: 0.93 };

export function measurementOf(scenario: Scenario, changes: Partial<Measurement> = {}): Measurement {
  const jobBytes = scenario.segmentBytes * scenario.layers * scenario.slots;
  const share =
    SHARES[scenario.deviceOrder] *
    SHARES[scenario.hostOrder] *
    (scenario.segmentBytes < 65_536 ? 0.95 : 0.995);
  const rates = [0.99, 1, 1.004].map((noise) => LINK * share * noise);
  const isBoth = scenario.direction === 'both';
  return {
    jobBytes,
    groups: scenario.direction === 'store' ? 0 : 8,
    checkedJobs: scenario.verify ? 5 : 0,
    wrongSegments: 0,
    firstWrong: '',
    pinSeconds: 0.6,
    pinnedBytes: 2 * jobBytes,
    stagingBytes: 64 * 1024 ** 2,
    deviceBytes: 66 * 1024 ** 2,
    calibration: '',
    slabPages: '4k',
    productTeraFlops: scenario.besideProduct ? 412 : 0,
    jobs:
      isBoth || scenario.besideProduct
        ? []
        : rates.map((rate) => ({
            seconds: jobBytes / rate,
            submitSeconds: 0.0009,
            cpuSeconds: 0.0021,
            submitDriverCalls: 312,
            driverCalls: 377,
            stagedBytes: jobBytes,
            directBytes: 0,
            linkBytesPerSecond: LINK,
          })),
    both: isBoth
      ? rates.map((rate) => ({
          loadAlone: rate,
          storeAlone: rate,
          load: rate * 0.86,
          store: rate * 0.81,
          linkBoth: 100e9,
        }))
      : [],
    product: scenario.besideProduct
      ? rates.map((rate) => ({
          aloneSeconds: 0.05,
          besideSeconds: 0.0508,
          covered: 1,
          copyBytesPerSecond: rate * 0.99,
          linkBytesPerSecond: LINK,
        }))
      : [],
    ...changes,
  };
}

/** @param wrong the one scenario whose bytes are wrong. */
export function sampleResult(matrix = MATRIX, wrong?: number): TransferResult {
  const scenarios: ScenarioResult[] = scenariosOf(matrix).map((scenario, i) =>
    scenarioResult(
      scenario,
      measurementOf(
        scenario,
        i === wrong ? { wrongSegments: 7, firstWrong: 'device block 3, layer 1, byte 96' } : {},
      ),
    ),
  );
  const problems =
    wrong === undefined
      ? []
      : [{ kind: 'wrong_bytes' as const, gpu: 0, message: 'GPU 0: 7 segments hold wrong bytes' }];
  const samples = { blockBytes: 2_097_152, spinning: [52e-6, 53e-6], waiting: [60e-6, 64e-6] };
  return {
    schema_version: 1,
    bench: 'transfer',
    passed: problems.length === 0,
    problems,
    command: 'pega bench transfer',
    config: {
      directions: matrix.directions,
      kinds: matrix.kinds,
      segment_bytes: matrix.segmentBytes,
      layers: matrix.layers,
      slots: matrix.slots,
      orders: matrix.orders,
      plans: matrix.plans,
      beside_product: matrix.besideProduct,
      layers_per_group: matrix.layersPerGroup,
      repeats: matrix.repeats,
      seed: matrix.seed,
      verify: matrix.verify,
      slab_bytes: 256 * 1024 ** 2,
      link_bytes: 512 * 1024 ** 2,
      product_size: 4096,
    },
    machine: {
      cpu: 'A processor',
      cores: 16,
      memory_bytes: 128 * 1024 ** 3,
      kernel: '6.8.0',
      architecture: 'x64',
      slab_pages: '4k',
      cuda: '13.0',
      nvidia_driver: '580.1',
    },
    versions: { pega: '0.1.0', node: '20.20.2' },
    started_at: '2026-01-02T03:04:05.000Z',
    duration_s: 80,
    gpus: [
      {
        ordinal: 0,
        name: 'Some <GPU> & "more"',
        uuid: 'GPU-0',
        pci_bus_id: '0000:17:00.0',
        memory_bytes: 80 * 1024 ** 3,
        multiprocessors: 132,
        pcie: { now: 'PCIe 5 x16', device_max: 'PCIe 5 x16', slot_max: null },
        numa_node: 0,
        link: {
          to_device: LINK,
          to_host: 54.8e9,
          both: 100e9,
          one_copy_to_device: 55.1e9,
          one_copy_to_host: null,
        },
        product_tera_flops: 412,
        device_bytes: 66 * 1024 ** 2,
        staging_bytes: 64 * 1024 ** 2,
        calibration_kept: true,
        latency: [
          latencyResult('load', true, samples),
          latencyResult('load', false, samples),
          latencyResult('store', false, samples),
        ],
        scenarios,
      },
    ],
  };
}

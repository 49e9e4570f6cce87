// `pega bench transfer`: one call from options to result: every scenario on every GPU.
//
// Composes the parts; each has a file of its own. Slabs lie in files without names, so nothing is left
// behind however the run ends.
import { realpathSync } from 'node:fs';
import { type CudaFacts, type GpuFacts, readCudaFacts } from '../../engine/cuda.js';
import { type Scenario, TransferGauge } from '../../engine/gauge.js';
import { givesHugePages, readMemoryLimits, readMountOf } from '../../host/memory-limits.js';
import { readPciDevice } from '../../host/pci-link.js';
import { PACKAGE_VERSION } from '../../package.js';
import type { Progress } from '../../progress.js';
import { describeMachine } from '../machine.js';
import { chooseGpus, cudaVersion, nvidiaDriver } from './gpu-machine.js';
import { type GpuMeasurement, measureGpu } from './gpu-run.js';
import type { TransferResult } from './result.js';
import { type Matrix, scenariosOf, slabBytesNeeded } from './scenarios.js';
import { requireSlabRoom } from './slab-room.js';

export interface TransferOptions {
  matrix: Matrix;
  /** Undefined: all. */
  gpus?: readonly number[];
  poolDir: string;
  slabDir?: string;
  slabBytes: number;
  linkBytes: number;
  productSize: number;
  /** Jobs of one block, for each way to see their end; 0: none. */
  latencyCount: number;
  /** What measures the same again. */
  command: string;
  signal: AbortSignal;
  progress: Progress;
}

/** About how long rows of jobs run, where loads, stores or a product run at once. */
const ROW_SECONDS = 0.06;

export async function benchTransfer(options: TransferOptions): Promise<TransferResult> {
  try {
    return await benchGpus(options);
  } finally {
    options.progress.close();
  }
}

async function benchGpus(options: TransferOptions): Promise<TransferResult> {
  const startedAt = new Date();
  const startMs = performance.now();
  const scenarios = scenariosOf(options.matrix);
  const facts = await readCudaFacts();
  const gpus = chooseGpus(facts, options.gpus);
  requireSlabRoom(
    slabBytesNeeded(scenarios, options.slabBytes) + options.linkBytes,
    options.slabDir ?? options.poolDir,
  );
  const measured: GpuMeasurement[] = [];
  for (const gpu of gpus) {
    measured.push(await benchGpu(options, gpu, scenarios));
  }
  return resultOf(options, facts, measured, startedAt, (performance.now() - startMs) / 1e3);
}

async function benchGpu(
  options: TransferOptions,
  gpu: GpuFacts,
  scenarios: readonly Scenario[],
): Promise<GpuMeasurement> {
  const { signal, progress, latencyCount } = options;
  signal.throwIfAborted();
  const slabFolder = options.slabDir ?? options.poolDir;
  const node = readPciDevice('/', gpu.busId)?.numaNode;
  const gauge = await TransferGauge.open({
    gpu: gpu.ordinal,
    poolDir: options.poolDir,
    slabDir: options.slabDir ?? '',
    hugePages: givesHugePages(readMemoryLimits('/'), readMountOf('/', realpathSync(slabFolder))),
    numaNodes: node === undefined || node === null ? [] : [node],
    slabBytes: options.slabBytes,
    linkBytes: options.linkBytes,
    productSize: options.productSize,
    rowSeconds: ROW_SECONDS,
    threads: 0,
  });
  const cancel = () => gauge.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  try {
    signal.throwIfAborted();
    return await measureGpu({ gauge, gpu, scenarios, latencyCount, progress });
  } catch (thrown) {
    signal.throwIfAborted(); // what the abort cancelled is no error of its own
    throw thrown;
  } finally {
    signal.removeEventListener('abort', cancel);
    await gauge.close();
  }
}

function resultOf(
  options: TransferOptions,
  facts: CudaFacts,
  measured: readonly GpuMeasurement[],
  startedAt: Date,
  durationS: number,
): TransferResult {
  const { matrix } = options;
  const problems = measured.flatMap((gpu) => gpu.problems);
  return {
    schema_version: 1,
    bench: 'transfer',
    passed: problems.length === 0,
    problems,
    command: options.command,
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
      slab_bytes: options.slabBytes,
      link_bytes: options.linkBytes,
      product_size: options.productSize,
    },
    machine: {
      ...describeMachine(),
      slab_pages:
        measured.map(({ slabPages }) => slabPages).find((pages) => pages !== null) ?? null,
      cuda: cudaVersion(facts.version),
      nvidia_driver: nvidiaDriver(),
    },
    versions: { pega: PACKAGE_VERSION, node: process.versions.node },
    started_at: startedAt.toISOString(),
    duration_s: durationS,
    gpus: measured.map(({ result }) => result),
  };
}

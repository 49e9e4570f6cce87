// The result of `pega bench transfer`: what --json prints and --output writes.
//
// Keys are snake_case: this is a file format. Rates are bytes a second; what was not measured is
// null, never 0. Raw samples are kept, so that every figure can be worked out again.

import { EXIT } from '../../errors.js';
import type { TtftResult } from '../result.js';
import type { Direction, Kind, OrderPair, Plan } from './scenarios.js';

/** Median, least and greatest of the repeats. */
export interface Spread {
  median: number;
  min: number;
  max: number;
}

export interface TransferResult {
  schema_version: 1;
  bench: 'transfer';
  passed: boolean;
  problems: Problem[];
  /** What measures the same again. */
  command: string;
  config: {
    directions: readonly Direction[];
    kinds: readonly Kind[];
    segment_bytes: readonly number[];
    layers: readonly number[];
    slots: readonly number[];
    orders: readonly OrderPair[];
    plans: readonly Plan[];
    beside_product: boolean;
    layers_per_group: number;
    repeats: number;
    seed: number;
    verify: boolean;
    slab_bytes: number;
    link_bytes: number;
    product_size: number;
  };
  machine: TtftResult['machine'] & {
    /** Of the slabs; null: nothing was measured. */
    slab_pages: '4k' | 'huge-shmem' | 'hugetlb' | null;
    /** "13.0": the newest CUDA that the driver serves. */
    cuda: string;
    /** "580.95.05", from the kernel. */
    nvidia_driver: string | null;
  };
  versions: { pega: string; node: string };
  started_at: string;
  duration_s: number;
  gpus: GpuResult[];
}

export interface Problem {
  kind: 'wrong_bytes' | 'not_measured';
  gpu: number;
  message: string;
}

export interface GpuResult {
  ordinal: number;
  name: string;
  uuid: string | null;
  pci_bus_id: string;
  memory_bytes: number;
  multiprocessors: number;
  /** "PCIe 5 x16", read just after copies; null: sysfs does not say. */
  pcie: { now: string; device_max: string; slot_max: string | null } | null;
  numa_node: number | null;
  /** Long copies, the best of a few. */
  link: {
    to_device: number;
    to_host: number;
    both: number;
    one_copy_to_device: number | null;
    one_copy_to_host: number | null;
  };
  product_tera_flops: number | null;
  /** Memory of the GPU that the CUDA device takes; null: nothing was measured. */
  device_bytes: number | null;
  staging_bytes: number | null;
  /** The planner's calibration is in a file of the user's cache. */
  calibration_kept: boolean | null;
  latency: LatencyResult[];
  scenarios: ScenarioResult[];
}

/** One job of one block, from submit until its end was seen. */
export interface LatencyResult {
  direction: 'load' | 'store';
  kind: Kind | null;
  block_bytes: number;
  /** By a thread that looks all the time. */
  spinning_us: { p50: number; p99: number };
  /** By a thread that sleeps meanwhile. */
  waiting_us: { p50: number; p99: number };
  samples: { spinning_us: number[]; waiting_us: number[] };
}

export interface ScenarioResult {
  direction: Direction;
  /** Of loads; null: there are only stores. */
  kind: Kind | null;
  segment_bytes: number;
  layers: number;
  slots: number;
  device_order: OrderPair['device'];
  host_order: OrderPair['host'];
  plan: Plan;
  beside_product: boolean;
  job_bytes: number;
  /** Of layers, each with an end of its own; null: a store. */
  groups: number | null;
  /** Of the job; of both directions, their sum; beside a product, while it ran. */
  bytes_per_s: Spread;
  /** Over a long copy's rate, taken just before each repeat. */
  link_share: Spread;
  /** Of one job; null: not a job alone. */
  submit_ms: Spread | null;
  cpu_ms: Spread | null;
  submit_driver_calls: number | null;
  driver_calls: number | null;
  staged_share: number | null;
  /** Of direction both: each rate, and its share of the rate alone. */
  load: DirectionShare | null;
  store: DirectionShare | null;
  /** The product's time beside copies over its time alone, less 1. */
  product_slowdown: Spread | null;
  /** Null: nothing was checked. */
  verified: boolean | null;
  checked_jobs: number;
  wrong_segments: number;
  first_wrong: string | null;
  pin_s: number;
  pinned_bytes: number;
  samples: Record<string, number>[];
}

export interface DirectionShare {
  bytes_per_s: Spread;
  share_of_alone: Spread;
}

export function exitCodeOf(problems: readonly Problem[]): number {
  return problems.length > 0 ? EXIT.checkFailed : EXIT.ok;
}

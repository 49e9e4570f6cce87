// What `pega doctor` found: findings, and the facts behind them; and its form as JSON.
import type { Calibration, CudaFacts } from '../engine/cuda.js';
import type { PoolView } from '../inspect/pool-view.js';
import type { ExpectedTtft } from './expected-ttft.js';
import type { GpuView } from './gpu-findings.js';
import type { HostFinding } from './host-finding.js';
import type { MemoryFacts } from './memory-findings.js';
import type { SlabCopy } from './slab-copy.js';

export interface DoctorReport {
  /** True without a problem; notes may be there. */
  fit: boolean;
  findings: HostFinding[];
  facts: {
    /** Null: the process that asked the driver did not live to say. */
    driver: Omit<CudaFacts, 'gpus'> | null;
    gpus: GpuView[];
    memory: MemoryFacts;
    /** Null: no server was asked, or none answered. */
    server: PoolView | null;
    /** gpu null: the host device. */
    copies: (SlabCopy & { gpuOrdinal: number | null })[];
    /** Null: nothing was copied, so no rate is known. */
    expected: ExpectedTtft | null;
    calibrations: (Calibration & { gpuOrdinal: number })[];
  };
}

type SnakeCase<Text extends string> = Text extends `${infer First}${infer Rest}`
  ? `${First extends Lowercase<First> ? First : `_${Lowercase<First>}`}${SnakeCase<Rest>}`
  : Text;

type SnakeKeys<Value> = Value extends readonly (infer Element)[]
  ? SnakeKeys<Element>[]
  : Value extends object
    ? { [Key in keyof Value & string as SnakeCase<Key>]: SnakeKeys<Value[Key]> }
    : Value;

export type DoctorView = { schema_version: 1 } & SnakeKeys<DoctorReport>;

export function viewOf(report: DoctorReport): DoctorView {
  return { schema_version: 1, ...snakeKeys(report) };
}

function snakeKeys<Value>(value: Value): SnakeKeys<Value> {
  const convert = (from: unknown): unknown => {
    if (Array.isArray(from)) {
      return from.map(convert);
    }
    return typeof from === 'object' && from !== null
      ? Object.fromEntries(Object.entries(from).map(([key, part]) => [snake(key), convert(part)]))
      : from;
  };
  return convert(value) as SnakeKeys<Value>;
}

function snake(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

// The scenarios of a run: every combination of what was asked for, once, in an order in which
// neighbours share their memory.
import type { BlockOrder, Scenario } from '../../engine/gauge.js';

export const DIRECTIONS = ['load', 'store', 'both'] as const;
export const KINDS = ['sync', 'async'] as const;
export const PLANS = ['auto', 'direct', 'staged'] as const;
export const ORDERS = ['run', 'runs16', 'shuffled'] as const satisfies readonly BlockOrder[];

export type Direction = (typeof DIRECTIONS)[number];
export type Kind = (typeof KINDS)[number];
export type Plan = (typeof PLANS)[number];

export interface OrderPair {
  device: BlockOrder;
  host: BlockOrder;
}

export interface Matrix {
  directions: readonly Direction[];
  /** Of loads. */
  kinds: readonly Kind[];
  segmentBytes: readonly number[];
  layers: readonly number[];
  slots: readonly number[];
  orders: readonly OrderPair[];
  plans: readonly Plan[];
  /** Loads and stores beside a matrix product, too. */
  besideProduct: boolean;
  /** 0: all layers in one group. */
  layersPerGroup: number;
  repeats: number;
  seed: number;
  verify: boolean;
}

/** Of one job. Larger pieces get fewer slots, so that any matrix fits a machine that serves. */
export const JOB_BYTES_MAX = 2 * 1024 ** 3;

export function scenariosOf(matrix: Matrix): Scenario[] {
  const scenarios = matrix.segmentBytes.flatMap((segmentBytes) =>
    matrix.layers.flatMap((layers) =>
      slotsThatFit(matrix.slots, segmentBytes * layers).flatMap((slots) =>
        matrix.plans.flatMap((plan) =>
          copiesOf(matrix).map((copy) => ({
            ...{ segmentBytes, layers, slots, plan, ...copy },
            ...{ layersPerGroup: matrix.layersPerGroup, fitGroups: true },
            ...{ repeats: matrix.repeats, seed: matrix.seed, verify: matrix.verify },
          })),
        ),
      ),
    ),
  );
  return scenarios;
}

function slotsThatFit(asked: readonly number[], slotBytes: number): number[] {
  const most = Math.max(1, Math.floor(JOB_BYTES_MAX / slotBytes));
  return [...new Set(asked.map((slots) => Math.min(slots, most)))];
}

type Copy = Pick<
  Scenario,
  'direction' | 'synchronous' | 'deviceOrder' | 'hostOrder' | 'besideProduct'
>;

/** What differs between scenarios that share their memory. */
function copiesOf({ directions, kinds, orders, besideProduct }: Matrix): Copy[] {
  return orders.flatMap(({ device, host }) =>
    directions.flatMap((direction) => {
      const order = { deviceOrder: device, hostOrder: host };
      const kindsOfIt = direction === 'store' ? [true] : kinds.map((kind) => kind === 'sync');
      const products = besideProduct && direction !== 'both' ? [false, true] : [false];
      return kindsOfIt.flatMap((synchronous) =>
        products.map((beside) => ({ direction, synchronous, ...order, besideProduct: beside })),
      );
    }),
  );
}

const PAGE_BYTES = 4096;

/** Bytes of slabs that the largest scenario takes: one half for loads, one for stores. */
export function slabBytesNeeded(scenarios: readonly Scenario[], slabBytes: number): number {
  const needed = scenarios.map(({ segmentBytes, layers, slots }) => {
    const slotBytes = Math.ceil((segmentBytes * layers) / PAGE_BYTES) * PAGE_BYTES;
    const inSlab = Math.max(1, Math.floor(slabBytes / slotBytes));
    return Math.ceil((2 * slots) / inSlab) * slabBytes;
  });
  return Math.max(0, ...needed);
}

/** "load sync, 64.0 KiB × 32 × 625, device shuffled, host run, auto": for progress and messages. */
export function describeScenario(scenario: Scenario, formatBytes: (bytes: number) => string) {
  const { segmentBytes, layers, slots, deviceOrder, hostOrder, plan } = scenario;
  return [
    copyName(scenario),
    `${formatBytes(segmentBytes)} × ${layers} layers × ${slots} blocks`,
    `${deviceOrder}/${hostOrder}`,
    plan,
    ...(scenario.besideProduct ? ['beside a product'] : []),
  ].join(', ');
}

/** "load sync", "store", "both, loads async". */
export function copyName({ direction, synchronous }: Pick<Scenario, 'direction' | 'synchronous'>) {
  const kind = synchronous ? 'sync' : 'async';
  return { load: `load ${kind}`, store: 'store', both: `both, loads ${kind}` }[direction];
}

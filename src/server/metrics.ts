// Prometheus metrics of the server: names begin with pega_, units are base units. docs/metrics.md
// explains them.
//
// Values of the pool are read when somebody scrapes; only calls are counted as they happen.

import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Pool } from '../engine/pool.js';
import type { ClientReports } from './client-totals.js';
import type { Registry as Engines } from './registry.js';
import type { Sessions } from './sessions.js';

const RPC_SECONDS_BUCKETS = [
  0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5,
];
const LOOP_DELAY_RESOLUTION_MS = 10;
const NANOSECONDS = 1e9;

export interface CallMetrics {
  onCall(method: string, seconds: number, code: string): void;
}

export interface Metrics extends CallMetrics {
  readonly contentType: string;
  text(): Promise<string>;
  stop(): void;
}

export interface MetricsSources {
  pool: Pool;
  engines: Engines;
  sessions: Sessions;
  reports: ClientReports;
}

export function createMetrics(sources: MetricsSources): Metrics {
  const registry = new Registry();
  const snapshot = { stats: sources.pool.stats(), filledBytes: 0 };
  addPool(registry, snapshot);
  addClients(registry, sources);
  const delay = monitorEventLoopDelay({ resolution: LOOP_DELAY_RESOLUTION_MS });
  delay.enable();
  addProcess(registry, delay);
  return {
    ...addCalls(registry),
    contentType: registry.contentType,
    text: () => {
      snapshot.stats = sources.pool.stats();
      snapshot.filledBytes = sources.pool.fillProgress().filledBytes;
      return registry.metrics();
    },
    stop: () => delay.disable(),
  };
}

function addCalls(registry: Registry): CallMetrics {
  const seconds = new Histogram({
    name: 'pega_rpc_seconds',
    help: 'Time from a decoded request to its answer, turns of other calls included.',
    labelNames: ['method'],
    buckets: RPC_SECONDS_BUCKETS,
    registers: [registry],
  });
  const errors = new Counter({
    name: 'pega_rpc_errors_total',
    help: 'Calls that were answered with an error.',
    labelNames: ['method', 'code'],
    registers: [registry],
  });
  const children = new Map<string, { observe(value: number): void }>();
  return {
    onCall: (method, took, code) => {
      let child = children.get(method);
      if (child === undefined) {
        child = seconds.labels(method);
        children.set(method, child);
      }
      child.observe(took);
      if (code !== 'OK') {
        errors.inc({ method, code });
      }
    },
  };
}

/** A gauge whose values are read at each scrape. */
function addGauge(
  registry: Registry,
  name: string,
  help: string,
  read: () => Values,
  label = '',
): void {
  new Gauge({
    name,
    help,
    labelNames: label === '' ? [] : [label],
    registers: [registry],
    collect() {
      this.reset();
      eachValue(read(), label, (labels, value) => this.set(labels, value));
    },
  });
}

function addTotal(
  registry: Registry,
  name: string,
  help: string,
  read: () => Values,
  label = '',
): void {
  new Counter({
    name,
    help,
    labelNames: label === '' ? [] : [label],
    registers: [registry],
    collect() {
      this.reset();
      eachValue(read(), label, (labels, value) => this.inc(labels, value));
    },
  });
}

/** One number without labels, or one for each value of `label`. */
type Values = number | Record<string, number> | ReadonlyMap<string, number>;

function eachValue(
  values: Values,
  label: string,
  use: (labels: Record<string, string>, value: number) => void,
): void {
  if (typeof values === 'number') {
    use({}, values);
    return;
  }
  const pairs = values instanceof Map ? values : Object.entries(values);
  for (const [key, value] of pairs) {
    use({ [label]: key }, value);
  }
}

/** Read once a scrape. */
interface PoolSnapshot {
  stats: ReturnType<Pool['stats']>;
  filledBytes: number;
}

function addPool(registry: Registry, pool: PoolSnapshot): void {
  const gauges = [
    ['pega_pool_bytes', 'Size of the pool.', () => pool.stats.poolBytes],
    ['pega_pool_filled_bytes', 'Of it, filled with memory.', () => pool.filledBytes],
    ['pega_pool_used_bytes', 'In slots of blocks.', () => pool.stats.usedBytes],
    ['pega_pool_pinned_bytes', 'In slots of leased blocks.', () => pool.stats.pinnedBytes],
    ['pega_index_bytes', 'Memory of the block index.', () => pool.stats.indexBytes],
    ['pega_leases', 'Open leases.', () => pool.stats.leases],
    ['pega_reservations', 'Open reservations.', () => pool.stats.reservations],
    ['pega_tombstones', 'Ids ended before they began.', () => pool.stats.tombstones],
  ] as const;
  for (const [name, help, read] of gauges) {
    addGauge(registry, name, help, read);
  }
  const blocks = (): Record<string, number> => {
    const { blocksReserved, blocksSealed, blocksPinned } = pool.stats;
    return { reserved: blocksReserved, sealed: blocksSealed, pinned: blocksPinned };
  };
  addGauge(
    registry,
    'pega_blocks',
    'Blocks by state; pinned are sealed ones too.',
    blocks,
    'state',
  );
  const slabs = (): Record<string, number> => {
    const { slabsReady, slabsFree, slabsRetired } = pool.stats;
    return { ready: slabsReady, free: slabsFree, retired: slabsRetired };
  };
  addGauge(registry, 'pega_slabs', 'Slabs by state; free are ready ones too.', slabs, 'state');
  const totals = [
    ['pega_blocks_queried_total', 'Blocks asked for.', () => pool.stats.queriedTotal],
    ['pega_blocks_hit_total', 'Blocks leased.', () => pool.stats.hitTotal],
    ['pega_blocks_reserved_total', 'Blocks given slots.', () => pool.stats.reservedTotal],
    ['pega_blocks_sealed_total', 'Blocks published.', () => pool.stats.sealedTotal],
    ['pega_blocks_abandoned_total', 'Reserved, not sealed.', () => pool.stats.abandonedTotal],
    ['pega_blocks_evicted_total', 'Blocks evicted.', () => pool.stats.evictedTotal],
    ['pega_blocks_lost_total', 'Blocks of retired slabs.', () => pool.stats.lostTotal],
    ['pega_blocks_full_total', 'Blocks that found no slot.', () => pool.stats.fullTotal],
  ] as const;
  for (const [name, help, read] of totals) {
    addTotal(registry, name, help, read);
  }
}

function addClients(registry: Registry, { engines, sessions, reports }: MetricsSources): void {
  addGauge(registry, 'pega_sessions', 'Open sessions.', () => sessions.count());
  const phases = (): Record<string, number> => {
    const counts = { registered: 0, alive: 0, dying: 0 };
    for (const { phase } of engines.engines()) {
      counts[phase] += 1;
    }
    return counts;
  };
  addGauge(registry, 'pega_engines', 'Engines by phase.', phases, 'phase');
  const totals = [
    ['load_bytes', 'Bytes loaded.', 'loadBytes'],
    ['store_bytes', 'Bytes stored.', 'storeBytes'],
    ['load_jobs', 'Load jobs ended.', 'loadJobs'],
    ['store_jobs', 'Store jobs ended.', 'storeJobs'],
    ['failed_jobs', 'Jobs failed.', 'failedJobs'],
    ['load_seconds', 'Time with a load in flight.', 'loadSeconds'],
    ['store_seconds', 'Time with a store in flight.', 'storeSeconds'],
    ['decisions_dropped', 'Decisions that found no room in a report.', 'decisionsDropped'],
  ] as const;
  for (const [name, help, key] of totals) {
    addTotal(
      registry,
      `pega_client_${name}_total`,
      `${help} As clients report.`,
      () => reports.totals[key],
    );
  }
  addTotal(
    registry,
    'pega_client_decisions_total',
    'Decisions of clients, as they report them.',
    () => reports.decisions,
    'kind',
  );
}

function addProcess(registry: Registry, delay: IntervalHistogram): void {
  const delays = (): Record<string, number> => {
    // An idle loop shows its timer's own period: what lies above is delay.
    const beyond = (nanoseconds: number): number =>
      Math.max(0, nanoseconds / NANOSECONDS - LOOP_DELAY_RESOLUTION_MS / 1000);
    const shown = {
      '0.5': beyond(delay.percentile(50)),
      '0.99': beyond(delay.percentile(99)),
      '1': beyond(delay.max),
    };
    delay.reset();
    return shown;
  };
  addGauge(
    registry,
    'pega_event_loop_delay_seconds',
    'Delay of the event loop since the last scrape.',
    delays,
    'quantile',
  );
  addGauge(registry, 'pega_resident_bytes', 'Resident memory of the server, pool included.', () =>
    process.memoryUsage.rss(),
  );
}

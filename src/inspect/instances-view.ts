// `pega inspect instances`: engines and their processes as JSON and as rows. Pure.
import type {
  Identity,
  Instance,
  InstanceProcess,
  ListInstancesResponse,
  NearestNamespace,
} from '../rpc/messages.js';
import { formatBytes } from '../units.js';
import { formatCount, formatSeconds, type Row, shortId } from './words.js';

export interface InstancesView {
  schema_version: 1;
  instances: InstanceView[];
}

export interface InstanceView {
  engine_id: string;
  namespace: string;
  identity: IdentityView | null;
  state: 'alive' | 'dying';
  leases: number;
  /** Open ones, and ended ones that the engine may still repeat a call of. */
  reservations: number;
  held_bytes: number;
  hold_file_bytes: number;
  processes: ProcessView[];
  /** Where nothing of its namespace was resident when it came: the nearest that was. Else null. */
  nearest: NearestView | null;
}

export interface NearestView {
  namespace: string;
  /** A value that is null: that side has no such field. */
  differences: { field: string; value: string | null; nearest_value: string | null }[];
}

export interface IdentityView {
  fields: Record<string, string>;
  block_tokens: number;
  hash_bytes: number;
  rank_slot_bytes: number[];
}

export interface ProcessView {
  role: 'scheduler' | 'worker';
  rank: number;
  device: string;
  client: string;
  pid: number;
  alive: boolean;
  session_s: number;
  /** Null before the first report. */
  report: {
    load_bytes: number;
    store_bytes: number;
    load_jobs: number;
    store_jobs: number;
    failed_jobs: number;
    load_s: number;
    store_s: number;
    transfers_running: number;
    slabs_ready: number;
  } | null;
}

export function identityView(identity: Identity): IdentityView {
  return {
    fields: identity.fields,
    block_tokens: identity.blockTokens,
    hash_bytes: identity.hashBytes,
    rank_slot_bytes: identity.rankSlotBytes,
  };
}

export function instancesView(answer: ListInstancesResponse): InstancesView {
  return { schema_version: 1, instances: answer.instances.map(instanceView) };
}

function instanceView(instance: Instance): InstanceView {
  return {
    engine_id: instance.engineId.toString('hex'),
    namespace: instance.namespaceDigest.toString('hex'),
    identity: instance.identity ? identityView(instance.identity) : null,
    state: instance.dying ? 'dying' : 'alive',
    leases: instance.leases,
    reservations: instance.reservations,
    held_bytes: instance.heldBytes,
    hold_file_bytes: instance.holdFileBytes,
    processes: instance.processes.map(processView),
    nearest: instance.nearest && nearestView(instance.nearest),
  };
}

function nearestView({ namespaceDigest, differences }: NearestNamespace): NearestView {
  return {
    namespace: namespaceDigest.toString('hex'),
    differences: differences.map(({ field, value, nearestValue }) => ({
      field,
      value: value ?? null,
      nearest_value: nearestValue ?? null,
    })),
  };
}

function processView(process: InstanceProcess): ProcessView {
  const { report } = process;
  return {
    role: process.role === 'ROLE_SCHEDULER' ? 'scheduler' : 'worker',
    rank: process.rank,
    device: process.device,
    client: process.client,
    pid: process.pid,
    alive: process.alive,
    session_s: process.sessionSeconds,
    report: report && {
      load_bytes: report.loadBytes,
      store_bytes: report.storeBytes,
      load_jobs: report.loadJobs,
      store_jobs: report.storeJobs,
      failed_jobs: report.failedJobs,
      load_s: report.loadSeconds,
      store_s: report.storeSeconds,
      transfers_running: report.transfersRunning,
      slabs_ready: report.slabsReady,
    },
  };
}

/** Two of them beside ids and a field's name fit a terminal. */
const VALUE_CHARS_MAX = 24;

export const INSTANCE_HEAD = [
  'engine',
  'namespace',
  'state',
  'ranks',
  'leases',
  'reservations',
  'held',
];

export function instanceRows(view: InstancesView): Row[] {
  return view.instances.map((instance) => [
    shortId(instance.engine_id),
    shortId(instance.namespace),
    instance.state,
    String(instance.identity?.rank_slot_bytes.length ?? 0),
    formatCount(instance.leases),
    formatCount(instance.reservations),
    formatBytes(instance.held_bytes),
  ]);
}

export const PROCESS_HEAD = [
  'engine',
  'process',
  'client',
  'device',
  'session',
  'loaded',
  'stored',
  'failed',
];

export function processRows(view: InstancesView): Row[] {
  return view.instances.flatMap((instance) =>
    instance.processes.map((process) => [
      shortId(instance.engine_id),
      process.role === 'scheduler' ? 'scheduler' : `worker ${process.rank}`,
      `${process.client} (pid ${process.pid})`,
      process.device,
      process.alive ? formatSeconds(process.session_s) : 'gone',
      copied(process.report?.load_bytes, process.report?.load_s),
      copied(process.report?.store_bytes, process.report?.store_s),
      process.report === null ? '–' : formatCount(process.report.failed_jobs),
    ]),
  );
}

/** Of engines that found nothing of their namespace: in what they differ from the nearest. */
export const NEAREST_HEAD = ['engine', 'differs from', 'in', 'engine has', 'other has'];

export function nearestRows(view: InstancesView): Row[] {
  return view.instances.flatMap(({ engine_id, nearest }) =>
    (nearest?.differences ?? []).map(({ field, value, nearest_value }) => [
      shortId(engine_id),
      shortId(nearest?.namespace ?? ''),
      field,
      shortValue(value),
      shortValue(nearest_value),
    ]),
  );
}

/** Values may be digests; JSON has them whole. */
function shortValue(value: string | null): string {
  if (value === null) {
    return 'missing';
  }
  return value.length > VALUE_CHARS_MAX ? `${value.slice(0, VALUE_CHARS_MAX - 1)}…` : value;
}

/** Bytes and, while copies ran, their rate. */
function copied(bytes: number | undefined, seconds: number | undefined): string {
  if (bytes === undefined) {
    return '–';
  }
  const rate = seconds ? `, ${(bytes / seconds / 1e9).toFixed(1)} GB/s` : '';
  return `${formatBytes(bytes)}${rate}`;
}

// `pega inspect instances`: engines and their processes as JSON and as rows. Pure.
import type {
  Identity,
  Instance,
  InstanceProcess,
  ListInstancesResponse,
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

/** Bytes and, while copies ran, their rate. */
function copied(bytes: number | undefined, seconds: number | undefined): string {
  if (bytes === undefined) {
    return '–';
  }
  const rate = seconds ? `, ${(bytes / seconds / 1e9).toFixed(1)} GB/s` : '';
  return `${formatBytes(bytes)}${rate}`;
}

// `pega inspect pool`: the server's answer as JSON and as rows for a person. Pure.
import type { GetPoolResponse, PoolTotals } from '../rpc/messages.js';
import { formatBytes } from '../units.js';
import { formatCount, formatSeconds, formatShare, type Row, shortId } from './words.js';

export interface PoolView {
  schema_version: 1;
  server_version: string;
  boot_number: number;
  pool_id: string;
  folder: string;
  uptime_s: number;
  pool_bytes: number;
  filled_bytes: number;
  used_bytes: number;
  pinned_bytes: number;
  index_bytes: number;
  slab_bytes: number;
  slabs: { total: number; ready: number; free: number; retired: number };
  classes: {
    namespace: string;
    slot_bytes: number;
    slabs: number;
    slots: number;
    slots_used: number;
    longest_free_run: number;
  }[];
  /** Blocks since the server started. */
  totals: PoolTotals;
  /** Hit ÷ queried blocks since the server started; null before the first query. */
  hit_share: number | null;
}

const NO_TOTALS: PoolTotals = {
  queried: 0,
  hit: 0,
  reserved: 0,
  sealed: 0,
  abandoned: 0,
  evicted: 0,
  lost: 0,
  full: 0,
};

export function poolView(answer: GetPoolResponse): PoolView {
  const totals = { ...NO_TOTALS, ...answer.totals };
  return {
    schema_version: 1,
    server_version: answer.serverVersion,
    boot_number: answer.bootNumber,
    pool_id: answer.poolId.toString('hex'),
    folder: answer.folder,
    uptime_s: answer.uptimeSeconds,
    pool_bytes: answer.poolBytes,
    filled_bytes: answer.filledBytes,
    used_bytes: answer.usedBytes,
    pinned_bytes: answer.pinnedBytes,
    index_bytes: answer.indexBytes,
    slab_bytes: answer.slabBytes,
    slabs: {
      total: answer.slabsTotal,
      ready: answer.slabsReady,
      free: answer.slabsFree,
      retired: answer.slabsRetired,
    },
    classes: answer.classes.map((slotClass) => ({
      namespace: slotClass.namespaceDigest.toString('hex'),
      slot_bytes: slotClass.slotBytes,
      slabs: slotClass.slabs,
      slots: slotClass.slots,
      slots_used: slotClass.slotsUsed,
      longest_free_run: slotClass.longestFreeRun,
    })),
    totals,
    hit_share: totals.queried === 0 ? null : totals.hit / totals.queried,
  };
}

export function poolRows(pool: PoolView): Row[] {
  const { slabs, totals } = pool;
  return [
    ['server', `pega ${pool.server_version}, up ${formatSeconds(pool.uptime_s)}`],
    ['folder', pool.folder],
    [
      'pool',
      `${formatBytes(pool.pool_bytes)}, ${formatShare(pool.filled_bytes, pool.pool_bytes)} filled`,
    ],
    ['used', `${formatBytes(pool.used_bytes)} (${formatShare(pool.used_bytes, pool.pool_bytes)})`],
    ['pinned', formatBytes(pool.pinned_bytes)],
    ['index', formatBytes(pool.index_bytes)],
    [
      'slabs',
      `${slabs.ready} of ${slabs.total} ready, ${slabs.free} free, ${slabs.retired} retired, ${formatBytes(pool.slab_bytes)} each`,
    ],
    [
      'blocks queried',
      `${formatCount(totals.queried)}, hit ${formatCount(totals.hit)} (${formatShare(totals.hit, totals.queried)})`,
    ],
    [
      'blocks stored',
      `${formatCount(totals.sealed)} sealed of ${formatCount(totals.reserved)} reserved, ${formatCount(totals.abandoned)} abandoned`,
    ],
    [
      'blocks lost',
      `${formatCount(totals.evicted)} evicted, ${formatCount(totals.lost)} with their slab, ${formatCount(totals.full)} refused (full)`,
    ],
  ];
}

export const CLASS_HEAD = ['namespace', 'slot', 'slabs', 'slots used', 'longest free run'];

export function classRows(pool: PoolView): Row[] {
  return pool.classes.map((slotClass) => [
    shortId(slotClass.namespace),
    formatBytes(slotClass.slot_bytes),
    String(slotClass.slabs),
    `${formatCount(slotClass.slots_used)} of ${formatCount(slotClass.slots)}`,
    formatCount(slotClass.longest_free_run),
  ]);
}

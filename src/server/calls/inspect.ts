// The read-only views of the pool, its engines and its blocks.

import type { Pool } from '../../engine/pool.js';
import { PAGE_BYTES } from '../../limits.js';
import { PACKAGE_VERSION } from '../../package.js';
import type {
  GetBlocksResponse,
  GetPoolResponse,
  Instance,
  InstanceProcess,
  ListInstancesResponse,
  SlotClass,
} from '../../rpc/messages.js';
import type { EngineEntry, ProcessEntry } from '../engine-entry.js';
import type { Registry } from '../registry.js';

export function getPool(pool: Pool, bootNumber: number, startedAtMs: number): GetPoolResponse {
  const stats = pool.stats();
  return {
    bootNumber,
    poolId: pool.poolId,
    folder: pool.folder.path,
    serverVersion: PACKAGE_VERSION,
    uptimeSeconds: (performance.now() - startedAtMs) / 1000,
    poolBytes: stats.poolBytes,
    filledBytes: pool.fillProgress().filledBytes,
    usedBytes: stats.usedBytes,
    pinnedBytes: stats.pinnedBytes,
    slabBytes: stats.slabBytes,
    slabsTotal: pool.slabsTotal,
    slabsReady: stats.slabsReady,
    slabsFree: stats.slabsFree,
    slabsRetired: stats.slabsRetired,
    classes: slotClasses(pool),
    indexBytes: stats.indexBytes,
    totals: {
      queried: stats.queriedTotal,
      hit: stats.hitTotal,
      reserved: stats.reservedTotal,
      sealed: stats.sealedTotal,
      abandoned: stats.abandonedTotal,
      evicted: stats.evictedTotal,
      lost: stats.lostTotal,
      full: stats.fullTotal,
    },
  };
}

function slotClasses(pool: Pool): SlotClass[] {
  const digests = new Map(pool.namespaces().map(({ handle, digest }) => [handle, digest]));
  const classes = new Map<string, SlotClass>();
  for (const slab of pool.slabs()) {
    if (slab.state !== 'cut') {
      continue;
    }
    const key = `${slab.namespace} ${slab.slotBytes}`;
    const known = classes.get(key) ?? {
      namespaceDigest: digests.get(slab.namespace) ?? Buffer.alloc(0),
      slotBytes: slab.slotBytes,
      slabs: 0,
      slots: 0,
      slotsUsed: 0,
      longestFreeRun: 0,
    };
    known.slabs += 1;
    known.slots += slab.slots;
    known.slotsUsed += slab.slotsUsed;
    known.longestFreeRun = Math.max(known.longestFreeRun, slab.longestFreeRun);
    classes.set(key, known);
  }
  return [...classes.values()];
}

export function listInstances(pool: Pool, registry: Registry): ListInstancesResponse {
  const held = new Map(pool.engines().map((stats) => [stats.handle, stats]));
  const instance = (entry: EngineEntry): Instance => {
    const stats = entry.handle === undefined ? undefined : held.get(entry.handle);
    return {
      engineId: entry.engineId,
      namespaceDigest: entry.digest,
      identity: entry.identity,
      dying: entry.phase === 'dying',
      leases: stats?.leases ?? 0,
      reservations: stats?.reservations ?? 0,
      heldBytes: stats?.heldBytes ?? 0,
      holdFileBytes: (entry.view?.heldPages() ?? 0) * PAGE_BYTES,
      processes: [...entry.processes.values()].map((process) => view(process, entry)),
      nearest: entry.nearest ?? null,
    };
  };
  return { instances: [...registry.engines()].map(instance) };
}

function view(process: ProcessEntry, entry: EngineEntry): InstanceProcess {
  const claim = process.proved ?? process.pending;
  const inSession = process.openSessions > 0;
  return {
    role: process.role,
    rank: process.rank,
    device: claim?.device ?? '',
    client: claim?.client ?? '',
    pid: claim?.pid ?? 0,
    alive: entry.view?.alive(process.record) ?? false,
    sessionSeconds: inSession ? (performance.now() - process.sessionSinceMs) / 1000 : 0,
    report: process.report ?? null,
  };
}

export function getBlocks(pool: Pool, registry: Registry): GetBlocksResponse {
  return {
    namespaces: pool.namespaces().map((stats) => ({
      digest: stats.digest,
      identity: registry.identityOf(stats.digest) ?? null,
      reserved: stats.blocksReserved,
      sealed: stats.blocksSealed,
      pinned: stats.blocksPinned,
      usedBytes: stats.usedBytes,
    })),
  };
}

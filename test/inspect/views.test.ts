// The views: a server's answers as JSON and as rows.
import { describe, expect, it } from 'vitest';
import { blockRows, blocksView, blockTotalRow } from '../../src/inspect/blocks-view.js';
import {
  renderBlocks,
  renderInstances,
  renderPool,
  renderSummary,
} from '../../src/inspect/inspect.js';
import {
  instanceRows,
  instancesView,
  nearestRows,
  processRows,
} from '../../src/inspect/instances-view.js';
import { classRows, poolRows, poolView } from '../../src/inspect/pool-view.js';
import { formatSeconds, formatShare } from '../../src/inspect/words.js';
import type { GetPoolResponse, Identity, Instance } from '../../src/rpc/messages.js';

const MIB = 1024 ** 2;
const DIGEST = Buffer.alloc(32, 0xab);

const IDENTITY: Identity = {
  fields: { weights: '0123456789abcdef0123', dtype: 'float32', adapter: '' },
  blockTokens: 16,
  hashBytes: 32,
  rankCount: 2,
  rankSlotBytes: [2 * MIB, 2 * MIB],
};

const POOL: GetPoolResponse = {
  bootNumber: 1_790_000_000_000_000,
  poolId: Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex'),
  folder: '/dev/shm/pega-1000',
  serverVersion: '0.1.0',
  uptimeSeconds: 3725,
  poolBytes: 1024 * MIB,
  filledBytes: 512 * MIB,
  usedBytes: 256 * MIB,
  pinnedBytes: 4 * MIB,
  slabBytes: 32 * MIB,
  slabsTotal: 32,
  slabsReady: 16,
  slabsFree: 8,
  slabsRetired: 1,
  classes: [
    {
      namespaceDigest: DIGEST,
      slotBytes: 2 * MIB,
      slabs: 8,
      slots: 128,
      slotsUsed: 100,
      longestFreeRun: 12,
    },
  ],
  indexBytes: 4096,
  totals: {
    queried: 1000,
    hit: 250,
    reserved: 90,
    sealed: 80,
    abandoned: 6,
    evicted: 3,
    lost: 2,
    full: 1,
  },
};

const REPORT = {
  loadBytes: 64 * MIB,
  storeBytes: 32 * MIB,
  loadJobs: 4,
  storeJobs: 2,
  failedJobs: 1,
  loadSeconds: 0.01,
  storeSeconds: 0,
  transfersRunning: 1,
  slabsReady: 16,
  decisions: [],
  decisionsDropped: 0,
};

const ENGINE: Instance = {
  engineId: Buffer.alloc(16, 0x11),
  namespaceDigest: DIGEST,
  identity: IDENTITY,
  dying: false,
  leases: 2,
  reservations: 3,
  heldBytes: 8 * MIB,
  holdFileBytes: 8 * MIB,
  processes: [
    {
      role: 'ROLE_SCHEDULER',
      rank: 0,
      device: 'cpu',
      client: 'pega-reference 0.1.0',
      pid: 42,
      alive: true,
      sessionSeconds: 61,
      report: REPORT,
    },
    {
      role: 'ROLE_WORKER',
      rank: 1,
      device: 'cuda:1',
      client: 'vllm 0.32.0',
      pid: 43,
      alive: false,
      sessionSeconds: 0,
      report: null,
    },
  ],
  nearest: null,
};

const BLOCKS = {
  namespaces: [
    { digest: DIGEST, identity: IDENTITY, reserved: 1, sealed: 2000, pinned: 3, usedBytes: MIB },
    { digest: Buffer.alloc(32), identity: null, reserved: 2, sealed: 1, pinned: 0, usedBytes: MIB },
  ],
};

describe('the pool', () => {
  it('is told in bytes, counts and shares', () => {
    const view = poolView(POOL);
    expect(view).toMatchObject({
      boot_number: 1_790_000_000_000_000,
      pool_id: '000102030405060708090a0b0c0d0e0f',
      slabs: { total: 32, ready: 16, free: 8, retired: 1 },
      classes: [{ namespace: 'ab'.repeat(32), slots_used: 100 }],
      hit_share: 0.25,
    });
    expect(Object.fromEntries(poolRows(view))).toMatchObject({
      server: 'pega 0.1.0, up 1 h 2 min',
      pool: '1.0 GiB, 50.0 % filled',
      used: '256.0 MiB (25.0 %)',
      'blocks queried': '1,000, hit 250 (25.0 %)',
    });
    expect(classRows(view)).toEqual([['abababababab', '2.0 MiB', '8', '100 of 128', '12']]);
    expect(renderPool(view)).toContain('abababababab');
  });

  it('has no hit share before the first query', () => {
    const view = poolView({ ...POOL, totals: null, classes: [] });
    expect(view.hit_share).toBeNull();
    expect(view.totals.queried).toBe(0);
    expect(renderPool(view)).not.toContain('slots used');
  });
});

describe('instances', () => {
  it('show who lives and what was copied', () => {
    const view = instancesView({ instances: [ENGINE, { ...ENGINE, dying: true, identity: null }] });
    expect(view.instances.map(({ state }) => state)).toEqual(['alive', 'dying']);
    expect(view.instances[0]?.processes[0]?.report).toMatchObject({ load_bytes: 64 * MIB });
    expect(instanceRows(view)[0]).toEqual([
      '111111111111',
      'abababababab',
      'alive',
      '2',
      '2',
      '3',
      '8.0 MiB',
    ]);
    expect(processRows(view).slice(0, 2)).toEqual([
      [
        '111111111111',
        'scheduler',
        'pega-reference 0.1.0 (pid 42)',
        'cpu',
        '1 min 1 s',
        '64.0 MiB, 6.7 GB/s',
        '32.0 MiB',
        '1',
      ],
      ['111111111111', 'worker 1', 'vllm 0.32.0 (pid 43)', 'cuda:1', 'gone', '–', '–', '–'],
    ]);
    expect(renderInstances(view)).toContain('scheduler');
    expect(renderInstances({ schema_version: 1, instances: [] })).toBe('no engine is registered');
  });
});

describe('an engine whose namespace had nothing', () => {
  const nearest = {
    namespaceDigest: Buffer.alloc(32, 0xcd),
    differences: [
      { field: 'weights', value: 'a'.repeat(64), nearestValue: 'b'.repeat(64) },
      { field: 'adapter', value: 'x' },
    ],
  };
  const view = instancesView({ instances: [ENGINE, { ...ENGINE, nearest }] });

  it('is shown with the fields in which it differs from the nearest', () => {
    expect(view.instances[0]?.nearest).toBeNull();
    expect(view.instances[1]?.nearest).toEqual({
      namespace: 'cd'.repeat(32),
      differences: [
        { field: 'weights', value: 'a'.repeat(64), nearest_value: 'b'.repeat(64) },
        { field: 'adapter', value: 'x', nearest_value: null },
      ],
    });
    expect(nearestRows(view)).toEqual([
      ['111111111111', 'cdcdcdcdcdcd', 'weights', `${'a'.repeat(23)}…`, `${'b'.repeat(23)}…`],
      ['111111111111', 'cdcdcdcdcdcd', 'adapter', 'x', 'missing'],
    ]);
    expect(renderInstances(view)).toContain('differs from');
    expect(renderInstances(instancesView({ instances: [ENGINE] }))).not.toContain('differs from');
  });

  it('fits a terminal', () => {
    const lines = renderInstances(view).split('\n');
    const table = lines.slice(lines.findIndex((line) => line.includes('differs from')));
    expect(Math.max(...table.map((line) => line.length))).toBeLessThanOrEqual(100);
  });
});

describe('blocks', () => {
  it('are counted by state, with their sum', () => {
    const view = blocksView(BLOCKS);
    expect(view.total).toEqual({ reserved: 3, sealed: 2001, pinned: 3, used_bytes: 2 * MIB });
    expect(blockRows(view)).toEqual([
      [
        'abababababab',
        '1',
        '2,000',
        '3',
        '1.0 MiB',
        'weights=0123456789abcdef dtype=float32 16 tokens a block',
      ],
      ['000000000000', '2', '1', '0', '1.0 MiB', ''],
    ]);
    expect(blockTotalRow(view)).toEqual(['all', '3', '2,001', '3', '2.0 MiB', '']);
    expect(renderBlocks(blocksView({ namespaces: [] }))).toBe('no block was ever stored');
  });
});

describe('the summary', () => {
  it('holds all three', () => {
    const { total, namespaces } = blocksView(BLOCKS);
    const text = renderSummary({
      schema_version: 1,
      pool: poolView(POOL),
      instances: instancesView({ instances: [ENGINE] }).instances,
      blocks: { total, namespaces },
    });
    for (const word of ['1.0 GiB', 'scheduler', '2,001']) {
      expect(text).toContain(word);
    }
  });
});

describe('words', () => {
  it.each([
    [0, '0 s'],
    [59.9, '59 s'],
    [60, '1 min'],
    [90_061, '1 d 1 h'],
    [86_400, '1 d'],
  ])('%d s is %s', (seconds, text) => {
    expect(formatSeconds(seconds)).toBe(text);
  });

  it('has no share of nothing', () => {
    expect(formatShare(0, 0)).toBe('–');
  });
});

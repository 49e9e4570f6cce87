// Engines as the server sees them: registered, proved, alive, dead.

import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type EngineProcess,
  startEngineProcess,
} from '../../fixtures/engine-process/engine-process.js';
import type { EngineProcessOptions } from '../../fixtures/engine-process/protocol.js';
import { engineVersions } from '../../src/engine/measure.js';
import type { Instance } from '../../src/rpc/messages.js';
import { hashes } from './support/hashes.js';
import { startTestServer, type TestServer } from './support/test-server.js';
import { until } from './support/until.js';

let server: TestServer;
let engines: EngineProcess[];

beforeEach(async () => {
  engines = [];
  server = await startTestServer();
});

afterEach(async () => {
  await Promise.all(engines.map((engine) => engine.kill('SIGKILL')));
  await server.stop();
});

async function start(options: Partial<EngineProcessOptions> = {}): Promise<EngineProcess> {
  const engine = await startEngineProcess({ socket: server.folder.socket, ...options });
  engines.push(engine);
  return engine;
}

async function instance(engine: EngineProcess): Promise<Instance | undefined> {
  const { instances } = await server.client.listInstances({});
  return instances.find(({ engineId }) => engineId.equals(engine.options.engineId));
}

async function held(): Promise<{ pinned: number; reserved: number }> {
  const [blocks] = (await server.client.getBlocks({})).namespaces;
  return { pinned: blocks?.pinned ?? 0, reserved: blocks?.reserved ?? 0 };
}

function holdFiles(): string[] {
  return readdirSync(engines[0]?.joined.folder ?? '').filter((name) => name.startsWith('hold-'));
}

describe('life of an engine', () => {
  it('stores, finds and releases blocks', async () => {
    const engine = await start();
    const blocks = hashes('a', 5);
    await engine.store(1, blocks);
    const answer = await engine.query({ leaseId: 2, hashes: blocks, localHitBlocks: 2 });
    expect(answer.hitBlocks).toBe(3);
    expect(answer.slots).toHaveLength(3 * 8);
    expect([...answer.sealedBefore]).toEqual([1, 1]);
    expect((await instance(engine))?.leases).toBe(1);
    await engine.call('release', { leaseIds: [2] });
    expect((await instance(engine))?.leases).toBe(0);
    const pool = await server.client.getPool({});
    expect(pool.totals).toMatchObject({ sealed: 5, hit: 3 });
  });

  it('leaves no lease open where nothing was hit', async () => {
    const engine = await start();
    const answer = await engine.query({ leaseId: 1, hashes: hashes('none', 4), localHitBlocks: 0 });
    expect(answer.hitBlocks).toBe(0);
    expect((await instance(engine))?.leases).toBe(0);
  });

  it('frees leases at once and stores later when all processes are dead', async () => {
    const engine = await start();
    const blocks = hashes('b', 4);
    await engine.store(1, blocks);
    await engine.query({ leaseId: 2, hashes: blocks, localHitBlocks: 0 });
    await engine.reserve(3, hashes('c', 4));
    await engine.kill('SIGKILL');
    const seen: string[] = [];
    await until('the engine is forgotten', async () => {
      const { pinned, reserved } = await held();
      seen.push(`${pinned} leased, ${reserved} reserved`);
      return (await instance(engine)) === undefined;
    });
    expect(seen).not.toContain('4 leased, 0 reserved');
    expect(await held()).toEqual({ pinned: 0, reserved: 0 });
    expect((await server.client.getPool({})).totals).toMatchObject({ abandoned: 4, sealed: 4 });
    expect(holdFiles()).toEqual([]);
  });

  it('keeps what a stopped process holds, and what an engine holds whose session is closed', async () => {
    const engine = await start();
    const blocks = hashes('d', 3);
    await engine.store(1, blocks);
    await engine.query({ leaseId: 2, hashes: blocks, localHitBlocks: 0 });
    await engine.send('closeSessions', {});
    await until('the session is over', async () => {
      const found = await instance(engine);
      return found?.processes.every(({ sessionSeconds }) => sessionSeconds === 0) ?? false;
    });
    await engine.kill('SIGSTOP');
    const before = performance.now();
    await until('longer than any of the clocks', () => performance.now() - before > 1500);
    expect(await instance(engine)).toMatchObject({ dying: false, leases: 1 });
    await engine.kill('SIGCONT');
    await engine.call('release', { leaseIds: [2] });
    expect((await instance(engine))?.leases).toBe(0);
  });

  it('keeps holds while any process lives: a dead rank ends nothing', async () => {
    const scheduler = await start({ records: [0], rankSlotBytes: [8192, 8192] });
    const { engineId } = scheduler.options;
    const rank0 = await start({ engineId, records: [1], rankSlotBytes: [8192, 8192] });
    const rank1 = await start({ engineId, records: [2], rankSlotBytes: [8192, 8192] });
    const blocks = hashes('e', 3);
    await scheduler.store(1, blocks);
    const answer = await scheduler.query({ leaseId: 2, hashes: blocks, localHitBlocks: 0 });
    expect(answer.slots).toHaveLength(3 * 2 * 8);
    await rank1.kill('SIGKILL');
    await scheduler.kill('SIGKILL');
    await until('both are seen dead', async () => {
      const alive = (await instance(scheduler))?.processes.map((process) => process.alive);
      return alive?.join() === 'false,true,false';
    });
    expect(await instance(scheduler)).toMatchObject({ dying: false, leases: 1 });
    await rank0.kill('SIGKILL');
    await until('forgotten', async () => (await instance(scheduler)) === undefined);
    expect((await server.client.getPool({})).pinnedBytes).toBe(0);
  });

  it('sees a death although a fork keeps the socket and the hold file open', async () => {
    const engine = await start();
    const blocks = hashes('f', 3);
    await engine.store(1, blocks);
    await engine.query({ leaseId: 2, hashes: blocks, localHitBlocks: 0 });
    const fork = (await engine.send('keepDescriptors', {})) as number;
    try {
      await engine.kill('SIGKILL');
      await until('forgotten', async () => (await instance(engine)) === undefined);
    } finally {
      process.kill(fork, 'SIGKILL');
    }
  });

  it('shows processes and their newest report', async () => {
    const engine = await start();
    const report = {
      loadBytes: 10,
      storeBytes: 20,
      loadJobs: 1,
      storeJobs: 2,
      failedJobs: 0,
      loadSeconds: 0.5,
      storeSeconds: 0.25,
      transfersRunning: 1,
      slabsReady: 4,
      decisions: [{ requestId: 'r', kind: 'load_skipped', cause: 'short', timeSeconds: 1 }],
      decisionsDropped: 0,
    };
    await engine.send('report', { record: 1, report });
    await until('the report is there', async () => {
      const found = (await instance(engine))?.processes.find(({ role }) => role === 'ROLE_WORKER');
      return found?.report?.storeBytes === 20;
    });
    const text = await (await fetch(`${server.httpUrl}/metrics`)).text();
    expect(text).toContain('pega_client_load_bytes_total 10');
    expect(text).toContain('pega_client_decisions_total{kind="load_skipped"} 1');
    expect(text).toContain('pega_engines{phase="alive"} 1');
  });
});

describe('an engine id that comes back', () => {
  /** Asked at once: a process of its own would start too late. */
  const refused = (engineId: Buffer) =>
    expect(
      server.client.register({
        protocolVersion: 1,
        sharedLayoutVersion: engineVersions().sharedLayoutVersion,
        engineId,
        role: 'ROLE_SCHEDULER',
        rank: 0,
        identity: {
          fields: { weights: 'fixture' },
          blockTokens: 16,
          hashBytes: 16,
          rankCount: 1,
          rankSlotBytes: [8192],
        },
        layout: null,
        device: 'cpu',
        client: 'test',
        pid: 1,
      }),
    ).rejects.toMatchObject({ code: 'PEGA_ALREADY_EXISTS' });

  it('is refused while its dead engine is ended, then taken again and again', async () => {
    const blocks = hashes('again', 3);
    let former = await start();
    const { engineId } = former.options;
    await former.store(1, blocks);
    for (let run = 0; run < 2; run += 1) {
      await former.query({ leaseId: 2, hashes: blocks, localHitBlocks: 0 });
      await former.reserve(3, hashes(`unfinished ${run}`, 2));
      await former.kill('SIGKILL');
      await refused(engineId);
      await until('the id is free', async () => (await instance(former)) === undefined);
      expect(await held()).toEqual({ pinned: 0, reserved: 0 });
      former = await start({ engineId });
      // Ids begin anew, and what the former run stored is there.
      const answer = await former.query({ leaseId: 1, hashes: blocks, localHitBlocks: 0 });
      expect(answer.hitBlocks).toBe(3);
      await former.call('release', { leaseIds: [1] });
    }
    expect(holdFiles()).toHaveLength(1);
  });

  it('is not taken by a new process before anybody has looked at the dead one', async () => {
    // The test's own copies of the sockets keep the sessions open, so only the locks tell.
    const former = await start();
    const fork = (await former.send('keepDescriptors', {})) as number;
    try {
      await former.kill('SIGKILL');
      await refused(former.options.engineId);
    } finally {
      process.kill(fork, 'SIGKILL');
    }
  });
});

describe('a worker without an identity', () => {
  const ranks = { rankSlotBytes: [8192, 4096] };

  it("has its engine's", async () => {
    const scheduler = await start({ ...ranks, records: [0] });
    const { engineId } = scheduler.options;
    const worker = await start({ ...ranks, engineId, records: [2], leaveOutIdentity: true });
    const found = await instance(worker);
    expect(found?.processes.map(({ role, rank }) => [role, rank])).toEqual([
      ['ROLE_SCHEDULER', 0],
      ['ROLE_WORKER', 1],
    ]);
    expect(found?.identity?.rankSlotBytes).toEqual(ranks.rankSlotBytes);
  });

  it("is refused with another layout than its engine's", async () => {
    const scheduler = await start({ ...ranks, records: [0] });
    const { engineId } = scheduler.options;
    const worker = start({ rankSlotBytes: [1024], engineId, records: [1], leaveOutIdentity: true });
    await expect(worker).rejects.toMatchObject({
      code: 'PEGA_INVALID_ARGUMENT',
      message: expect.stringContaining('add up to 1024 bytes'),
    });
  });

  it('must wait for its scheduler side', async () => {
    await expect(start({ records: [1], leaveOutIdentity: true })).rejects.toMatchObject({
      code: 'PEGA_NOT_FOUND',
      message: expect.stringContaining('scheduler side registers first'),
    });
  });
});

describe('an engine whose namespace has nothing', () => {
  const fields = { weights: 'fixture', dtype: 'float16' };

  it('is shown what it differs in from the nearest resident one', async () => {
    const first = await start({ fields });
    await start({ fields: { weights: 'other', dtype: 'bfloat16' } });
    const apart = await start({ fields: { ...fields, dtype: 'float32' } });
    expect((await instance(first))?.nearest).toBeNull();
    expect((await instance(apart))?.nearest).toEqual({
      namespaceDigest: (await instance(first))?.namespaceDigest,
      differences: [{ field: 'dtype', value: 'float32', nearestValue: 'float16' }],
    });
  });

  it('counts blocks that a dead engine left, and not a namespace without any', async () => {
    const left = await start({ fields });
    await left.store(1, hashes('left', 1));
    const empty = await start({ fields: { ...fields, adapter: 'x' } });
    for (const engine of [left, empty]) {
      await engine.kill('SIGKILL');
      await until('forgotten', async () => (await instance(engine)) === undefined);
    }
    const apart = await start({ fields: { ...fields, adapter: 'y' } });
    expect((await instance(apart))?.nearest?.differences).toEqual([
      { field: 'adapter', value: 'y' },
    ]);
    const same = await start({ fields });
    expect((await instance(same))?.nearest).toBeNull();
  });
});

describe('proof by the hold file', () => {
  it('refuses a session without a hold file', async () => {
    const engine = await start({ until: 'register' });
    const session = server.client.session(hello(engine));
    await expect(session.welcome).rejects.toMatchObject({ code: 'PEGA_NOT_SAME_HOST' });
  });

  it('refuses another nonce', async () => {
    const engine = await start({ until: 'join' });
    const session = server.client.session({ ...hello(engine), nonce: randomBytes(16) });
    await expect(session.welcome).rejects.toMatchObject({ code: 'PEGA_NOT_SAME_HOST' });
  });

  it('refuses a hold file that nobody has locked', async () => {
    const engine = await start({ until: 'join' });
    await engine.kill('SIGKILL');
    const session = server.client.session(hello(engine));
    await expect(session.welcome).rejects.toMatchObject({ code: 'PEGA_NOT_SAME_HOST' });
  });

  it('refuses a file of another shape at the path', async () => {
    const engine = await start({ until: 'register' });
    const pool = await server.client.getPool({});
    const name = `hold-${pool.poolId.toString('hex')}-${engine.options.engineId.toString('hex')}`;
    writeFileSync(join(pool.folder, name), 'not a hold file');
    const session = server.client.session(hello(engine));
    await expect(session.welcome).rejects.toMatchObject({ code: 'PEGA_NOT_SAME_HOST' });
  });

  it('gives no slot before the session is accepted', async () => {
    const engine = await start({ until: 'join' });
    const request = { leaseId: 1, hashes: hashes('g', 1), localHitBlocks: 0 };
    await expect(engine.query(request)).rejects.toMatchObject({ code: 'PEGA_NOT_SAME_HOST' });
  });

  it('keeps a living process when a stranger registers in its name', async () => {
    const engine = await start();
    const stranger = await start({ engineId: engine.options.engineId, until: 'register' });
    await expect(server.client.session(hello(stranger)).welcome).rejects.toMatchObject({
      code: 'PEGA_NOT_SAME_HOST',
    });
    const request = { leaseId: 1, hashes: hashes('h', 1), localHitBlocks: 0 };
    await expect(stranger.query(request)).rejects.toMatchObject({ code: 'PEGA_WRONG_OWNER' });
    await expect(engine.query(request)).resolves.toMatchObject({ hitBlocks: 0 });
  });

  it('accepts a session again with the nonce that was proved', async () => {
    const engine = await start();
    await engine.send('closeSessions', {});
    await expect(server.client.session(hello(engine)).welcome).resolves.toMatchObject({
      bootNumber: server.running.bootNumber,
    });
    expect(existsSync(engine.joined.folder)).toBe(true);
  });
});

function hello(engine: EngineProcess) {
  return {
    engineId: engine.options.engineId,
    role: 'ROLE_SCHEDULER' as const,
    rank: 0,
    nonce: engine.joined.nonces[0] ?? Buffer.alloc(16),
    bootNumber: engine.joined.bootNumber,
  };
}

// Slab files that somebody truncates, replaces or deletes while the server runs: blocks are lost, and
// nothing else; and a pool that finds less memory than it was promised.

import { readdirSync, renameSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type EngineProcess,
  startEngineProcess,
} from '../../fixtures/engine-process/engine-process.js';
import type { Pool } from '../../src/engine/pool.js';
import { createLogger } from '../../src/log.js';
import { watchFilling } from '../../src/server/fill-progress.js';
import { hashes } from './support/hashes.js';
import { startTestServer, type TestServer } from './support/test-server.js';
import { until } from './support/until.js';

describe('a slab file', () => {
  let server: TestServer;
  let engine: EngineProcess;

  beforeEach(async () => {
    server = await startTestServer();
    engine = await startEngineProcess({ socket: server.folder.socket });
    await until('the pool is filled', async () => {
      const { slabsReady, slabsTotal } = await server.client.getPool({});
      return slabsReady === slabsTotal;
    });
  });
  afterEach(async () => {
    await engine.kill('SIGKILL');
    await server.stop();
  });

  it.each([
    ['truncated', (path: string) => truncateSync(path, 4096)],
    ['deleted', (path: string) => unlinkSync(path)],
    [
      'replaced',
      (path: string) => {
        writeFileSync(`${path}.new`, 'other');
        renameSync(`${path}.new`, path);
      },
    ],
  ])('that was %s is retired, its blocks are misses, and the engine goes on', async (_, change) => {
    const blocks = hashes('slab', 4);
    await engine.store(1, blocks);
    const { folder } = await server.client.getPool({});
    for (const name of readdirSync(folder).filter((file) => file.startsWith('slab-'))) {
      change(join(folder, name));
    }
    await until('all are retired', async () => {
      const { slabsRetired, slabsTotal } = await server.client.getPool({});
      return slabsRetired === slabsTotal;
    });
    await expect(
      engine.query({ leaseId: 2, hashes: blocks, localHitBlocks: 0 }),
    ).resolves.toMatchObject({ hitBlocks: 0 });
    expect((await server.client.getPool({})).totals).toMatchObject({ lost: 4 });
    const full = await engine.reserve(3, hashes('more', 2));
    expect([...full.outcomes]).toEqual([3, 3]);
  });
});

describe('filling that runs out of memory', () => {
  const log = createLogger({ name: 'test', level: 'silent' });
  const pool = (slabsReady: number) =>
    ({
      poll: () => undefined,
      fillProgress: () => ({
        filledBytes: slabsReady,
        totalBytes: 4,
        slabsReady,
        slabsTotal: 4,
        error: { code: 'PEGA_NO_SPACE', message: 'fallocate: No space left on device' },
      }),
    }) as unknown as Pool;

  it('goes on with the slabs that it has', async () => {
    const filling = watchFilling(pool(2), log, process.stderr);
    await filling.usable;
    await filling.over;
  });

  it('fails without one', async () => {
    const filling = watchFilling(pool(0), log, process.stderr);
    await expect(filling.usable).rejects.toMatchObject({
      code: 'PEGA_NO_SPACE',
      message: expect.stringContaining('fallocate'),
    });
    await filling.over;
  });
});

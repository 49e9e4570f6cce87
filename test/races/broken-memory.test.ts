// Memory that breaks under running workers: slab files truncated, replaced or deleted between the grant and
// the copy, and a full /dev/shm. It costs hits; it changes no answer and ends no process.

import {
  mkdirSync,
  readdirSync,
  renameSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startRpcProxy } from '../../fixtures/rpc-proxy/rpc-proxy.js';
import { mountSmallTmpfs, type SmallTmpfs } from '../../fixtures/small-tmpfs/small-tmpfs.js';
import { clientAt, promptOf, SMALL_MODEL, withScene } from '../reference/support/processes.js';
import { until } from '../server/support/until.js';
import { leaksOf, lookAt, withRace } from './support/race.js';

const MB = 1024 ** 2;
const HARM: Record<string, (path: string) => void> = {
  truncated: (path) => truncateSync(path, 0),
  replaced: (path) => {
    writeFileSync(`${path}.new`, Buffer.alloc(16 * MB, 'garbage'));
    renameSync(`${path}.new`, path);
  },
  deleted: (path) => unlinkSync(path),
  // The inode and the size stay what they were; the memory is gone, and reads as zeroes.
  emptied: (path) => {
    truncateSync(path, 0);
    truncateSync(path, 16 * MB);
  },
};

test.each(
  Object.keys(HARM).flatMap((harm) => [
    [harm, 'Query'],
    [harm, 'Reserve'],
  ]),
)('slabs %s between the answer of %s and its copy', async (harm, method) => {
  await withScene(async ({ folder, socket, serve, worker }) => {
    const server = await serve();
    const proxy = await startRpcProxy(join(folder, 'proxy.sock'), socket);
    try {
      const alone = await worker();
      const stored = promptOf(320, 1);
      const fresh = promptOf(320, 2);
      const truth = await Promise.all([stored, fresh].map((prompt) => alone.complete(prompt)));
      const tokens = truth.map((answer) => answer.tokens);
      const one = await worker({ socket: proxy.socket });
      expect((await one.complete(stored)).tokens).toEqual(tokens[0]);
      await one.reset();
      await until('the pool is filled', async () => {
        const { slabsReady, slabsTotal } = await lookAt(socket);
        return slabsReady === slabsTotal;
      });
      const granted = proxy.catchNext(method, 'answer');
      const answer = one.complete(method === 'Query' ? stored : fresh);
      await granted.caught;
      const { poolFolder } = await lookAt(socket);
      for (const name of readdirSync(poolFolder).filter((file) => file.startsWith('slab-'))) {
        HARM[harm]?.(join(poolFolder, name));
      }
      await granted.letGo();
      expect((await answer).tokens).toEqual(tokens[method === 'Query' ? 0 : 1]);
      await until('the server has retired the slabs', async () => {
        const look = await lookAt(socket);
        return look.slabsRetired === look.slabsTotal;
      });
      for (const _ of ['again', 'and again']) {
        await one.reset();
        const answers = await Promise.all([stored, fresh].map((prompt) => one.complete(prompt)));
        expect(answers.map((each) => each.tokens)).toEqual(tokens);
        expect(answers.map((each) => each.cachedTokens)).toEqual([0, 0]);
      }
      await until('nothing is held', async () => leaksOf(await lookAt(socket)).length === 0);
      expect((await server.stop()).exitCode).toBe(0);
    } finally {
      await proxy.stop();
    }
  });
});

test('a full /dev/shm: workers go on without the pool, and use it when there is room', async () => {
  await withRace(async ({ folder, socket, serve, look }) => {
    const place = join(folder, 'small');
    mkdirSync(place);
    const tmpfs = await mountSmallTmpfs(place, 40);
    if (tmpfs === undefined) {
      // No namespaces here: what remains to be seen is the refusal.
      await expect(serve({ 'pool-size': '8tb' })).rejects.toMatchObject({
        code: 'PEGA_NO_SPACE',
      });
      return;
    }
    try {
      await fillAndFree(tmpfs, place, socket, look);
    } finally {
      await tmpfs.stop();
    }
  });
});

async function fillAndFree(
  tmpfs: SmallTmpfs,
  place: string,
  socket: string,
  look: () => ReturnType<typeof lookAt>,
): Promise<void> {
  const serveFlags = ['--addr=127.0.0.1:0', '--http-addr=127.0.0.1:0', '--device=cpu'];
  const serve = (size: string) =>
    tmpfs.pega([
      'serve',
      ...serveFlags,
      `--socket=${socket}`,
      `--pool-dir=${place}`,
      `--pool-size=${size}`,
    ]);
  const model = Object.entries(SMALL_MODEL).map(([name, value]) => `--${name}=${value}`);
  const worker = async () => {
    const child = await tmpfs.pega(['reference', ...model, `--socket=${socket}`]);
    return { child, client: clientAt(child.ready.get('url') ?? '') };
  };
  await expect(serve('64mb')).rejects.toThrow(/PEGA_NO_SPACE/);
  const server = await serve('32mb');
  const prompts = Array.from({ length: 4 }, (_, salt) => promptOf(300, salt));
  const early = await worker();
  const cold = await Promise.all(prompts.map((prompt) => early.client.complete(prompt)));
  const tokens = cold.map((answer) => answer.tokens);
  await early.client.reset();

  tmpfs.shell('cat /dev/zero > filler || true');
  expect(tmpfs.shell('df --output=avail . | tail -1').trim()).toBe('0');
  const late = await worker();
  for (const { client } of [early, late]) {
    const answers = await Promise.all(prompts.map((prompt) => client.complete(prompt)));
    expect(answers.map((answer) => answer.tokens)).toEqual(tokens);
    await client.reset();
  }
  expect(late.child.stderr()).toContain('PEGA_NO_SPACE');
  expect([server, early.child, late.child].every((child) => child.running())).toBe(true);

  tmpfs.shell('rm filler');
  await until('the late worker has hits', async () => {
    await late.client.reset();
    const answer = await late.client.complete(prompts[0] ?? []);
    expect(answer.tokens).toEqual(tokens[0]);
    return answer.cachedTokens > 0;
  });
  await until('nothing is held', async () => leaksOf(await look()).length === 0);
}

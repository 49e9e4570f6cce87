// `pega inspect` against a real server: tables, JSON, and no server at all.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inspectBlocks } from '../../src/inspect/inspect.js';
import { type Child, startChild } from '../../src/process/child.js';

const PROGRAM = fileURLToPath(new URL('../../bin/run.js', import.meta.url));
/** 2 layers of 16 tokens, one KV head of 64 dimensions, K and V, fp32. */
const SLOT_BYTES = 2 * 16 * 64 * 2 * 4;
const VIEWS = [[], ['pool'], ['instances'], ['blocks']];

let runDir = '';
let poolDir = '';
let server: Child | undefined;
let worker: Child | undefined;

beforeAll(async () => {
  runDir = await mkdtemp(join(tmpdir(), 'pega-inspect-'));
  poolDir = await mkdtemp('/dev/shm/pega-inspect-');
  server = await startChild({
    name: 'pega serve',
    args: [
      'serve',
      ...['--device', 'cpu', '--addr', '127.0.0.1:0', '--http-addr', '127.0.0.1:0'],
      ...['--socket', join(runDir, 's'), '--pool-dir', poolDir, '--pool-size', '32mb'],
    ],
    program: PROGRAM,
    readyTimeoutMs: 30_000,
  });
  worker = await startChild({
    name: 'pega reference',
    args: [
      'reference',
      ...['--socket', server.pair('socket'), '--layers', '2', '--heads', '2', '--kv-heads', '1'],
      ...['--head-dim', '64', '--ffn', '32', '--vocab', '64', '--context', '256', '--blocks', '16'],
    ],
    program: PROGRAM,
    readyTimeoutMs: 30_000,
  });
});

afterAll(async () => {
  await worker?.stop();
  await server?.stop();
  await rm(poolDir, { recursive: true, force: true });
  await rm(runDir, { recursive: true, force: true });
});

const inspect = (args: string[], env: Record<string, string> = {}) =>
  execa(process.execPath, [PROGRAM, 'inspect', ...args], {
    reject: false,
    env: { PEGA_SOCKET: '', PEGA_ADDR: '', XDG_RUNTIME_DIR: '/nonexistent', ...env },
  });

describe('pega inspect beside an engine', () => {
  it('shows it, what it stored and where that lies', async () => {
    const target = { socket: server?.pair('socket') ?? '' };
    const body = JSON.stringify({
      prompt: Array.from({ length: 33 }, (_, id) => id),
      max_tokens: 1,
    });
    // Sealed a moment after the answer; a store that a busy machine let go of comes with the next.
    await expect
      .poll(
        async () => {
          const url = `${worker?.pair('url')}/v1/completions`;
          expect((await fetch(url, { method: 'POST', body })).status).toBe(200);
          return (await inspectBlocks(target)).total;
        },
        { timeout: 40_000, interval: 200 },
      )
      .toEqual({ reserved: 0, sealed: 2, pinned: 0, used_bytes: 2 * SLOT_BYTES });
    const { exitCode, stdout } = await inspect(['--socket', target.socket, '--json']);
    expect(exitCode).toBe(0);
    const { pool, instances, blocks } = JSON.parse(stdout);
    expect(instances).toMatchObject([
      {
        state: 'alive',
        held_bytes: 0,
        identity: { block_tokens: 16, rank_slot_bytes: [SLOT_BYTES] },
        processes: expect.arrayContaining([
          expect.objectContaining({ role: 'scheduler', alive: true, pid: worker?.pid }),
          expect.objectContaining({ role: 'worker', rank: 0, alive: true, device: 'cpu' }),
        ]),
      },
    ]);
    expect(blocks.total.sealed).toBe(2);
    expect(pool.totals.sealed).toBe(2);
    expect(pool.classes).toMatchObject([{ slot_bytes: SLOT_BYTES, slots_used: 2 }]);
  });
});

describe.concurrent('pega inspect', () => {
  it.each(VIEWS)('%s answers over the socket and over the address alike', async (...view) => {
    const socket = ['--socket', server?.pair('socket') ?? ''];
    const address = ['--addr', server?.pair('grpc') ?? ''];
    const [plain, json, overTcp] = await Promise.all([
      inspect([...view, ...socket]),
      inspect([...view, ...socket, '--json']),
      inspect([...view, ...address, '--json']),
    ]);
    expect([plain.exitCode, json.exitCode, overTcp.exitCode]).toEqual([0, 0, 0]);
    expect(plain.stderr).toBe('');
    expect(plain.stdout).not.toBe('');
    const keys = Object.keys(JSON.parse(json.stdout));
    expect(keys[0]).toBe('schema_version');
    expect(Object.keys(JSON.parse(overTcp.stdout))).toEqual(keys);
  });

  it('finds the server by PEGA_SOCKET and PEGA_ADDR; flags win', async () => {
    const socket = server?.pair('socket') ?? '';
    const nobody = '/nonexistent/s';
    const ends = await Promise.all([
      inspect(['pool'], { PEGA_SOCKET: socket }),
      inspect(['pool'], { PEGA_ADDR: server?.pair('grpc') ?? '' }),
      inspect(['pool', '--socket', socket], { PEGA_SOCKET: nobody }),
      inspect(['pool', '--socket', nobody], { PEGA_SOCKET: socket }),
    ]);
    expect(ends.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0, 69]);
  });

  it.each(VIEWS)('%s ends with 69 when no server is there', async (...view) => {
    const args = [...view, '--socket', '/nonexistent/s'];
    const [plain, json] = await Promise.all([inspect(args), inspect([...args, '--json'])]);
    expect([plain.exitCode, json.exitCode]).toEqual([69, 69]);
    expect(plain.stderr).toMatch(/Code: PEGA_UNAVAILABLE\nTry: .*pega serve/);
    expect(JSON.parse(json.stdout).error).toMatchObject({ code: 'PEGA_UNAVAILABLE', exit: 69 });
  });

  it.each([['--addr', 'nowhere'], ['--socket', '/a', '--addr', '127.0.0.1:1'], ['--bogus']])(
    'refuses %s %s %s %s',
    async (...args) => {
      const { exitCode } = await inspect(args.filter((arg) => arg !== undefined));
      expect(exitCode).toBe(2);
    },
  );
});

// `pega serve` as a process: addresses, signals, restarts, second servers.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type EngineProcess,
  startEngineProcess,
} from '../../fixtures/engine-process/engine-process.js';
import { PegaError } from '../../src/errors.js';
import type { Child } from '../../src/process/child.js';
import { connectPega } from '../../src/rpc/client.js';
import { hashes } from './support/hashes.js';
import {
  makeTestFolder,
  serveFlags,
  startServeProcess,
  type TestFolder,
} from './support/test-server.js';
import { until } from './support/until.js';

let folder: TestFolder;
let children: Child[];
let engines: EngineProcess[];

beforeEach(() => {
  folder = makeTestFolder();
  children = [];
  engines = [];
});

afterEach(async () => {
  await Promise.all(engines.map((engine) => engine.kill('SIGKILL')));
  await Promise.all(children.map((child) => child.stop()));
  folder.remove();
});

async function serve(flags: Record<string, string> = {}, env = {}): Promise<Child> {
  const child = await startServeProcess({ ...serveFlags(folder), ...flags }, env);
  children.push(child);
  return child;
}

async function startEngine(): Promise<EngineProcess> {
  const engine = await startEngineProcess({ socket: folder.socket });
  engines.push(engine);
  return engine;
}

async function refusal(flags: Record<string, string>, env = {}): Promise<PegaError> {
  const failure = await serve(flags, env).catch((thrown: unknown) => thrown);
  expect(failure).toBeInstanceOf(PegaError);
  return failure as PegaError;
}

function poolFiles(): string[] {
  return readdirSync(join(folder.path, `pega-${process.getuid?.()}`)).sort();
}

const bootOf = (child: Child): number => Number(child.pair('boot'));

describe('start', () => {
  it('says where it answers, on TCP, socket and HTTP, and protects the socket', async () => {
    const child = await serve();
    expect(statSync(child.pair('socket')).mode & 0o777).toBe(0o600);
    for (const target of [{ socket: child.pair('socket') }, { address: child.pair('grpc') }]) {
      const client = connectPega(target);
      expect((await client.getPool({})).bootNumber).toBe(bootOf(child));
      client.close();
    }
    const page = (path: string) => fetch(`http://${child.pair('http')}${path}`);
    expect((await page('/healthz')).status).toBe(200);
    expect((await page('/readyz')).status).toBe(200);
    expect((await page('/other')).status).toBe(404);
    expect(await (await page('/metrics')).text()).toContain('pega_pool_bytes 67108864');
    expect(Number(child.pair('pid'))).toBe(child.pid);
  });

  it('reads a file and variables; flags win', async () => {
    const file = join(folder.path, 'pega.yaml');
    writeFileSync(file, 'pool-size: 16mb\nlog-level: silent\n');
    const { 'pool-size': _, ...flags } = serveFlags(folder);
    const child = await startServeProcess({ ...flags, config: file }, { PEGA_POOL_SIZE: '48mb' });
    children.push(child);
    const client = connectPega({ socket: folder.socket });
    expect((await client.getPool({})).poolBytes).toBe(48 * 1024 ** 2);
    client.close();
  });

  it('warns where no CUDA driver is and --device names a GPU', async () => {
    const child = await serve({ device: '0', 'log-level': 'warn' });
    const warned = child.stderrTail().some((line) => line.includes('--device cpu'));
    const driver = readdirSync('/dev').some((name) => name.startsWith('nvidia'));
    expect(warned).toBe(!driver);
  });
});

describe('refusal', () => {
  it('of a pool that the machine has no room for, with both numbers, before anything is made', async () => {
    const failure = await refusal({ 'pool-size': '8tb' });
    expect(failure).toMatchObject({
      code: 'PEGA_NO_SPACE',
      message: expect.stringMatching(/8\.0 TiB .* has .* free/s),
    });
    expect(existsSync(join(folder.path, `pega-${process.getuid?.()}`))).toBe(false);
  });

  it.each(['30 g b', '-1gb', '1e99tb', '0', ''])('of the size "%s"', async (size) => {
    const failure = await refusal({ 'pool-size': size });
    expect(failure).toMatchObject({
      code: 'PEGA_INVALID_ARGUMENT',
      message: expect.stringContaining('exit code 2'),
    });
  });

  it('of a folder that is no tmpfs or is not there', async () => {
    const slabDir = await refusal({ 'slab-dir': process.cwd() });
    expect(slabDir).toMatchObject({
      code: 'PEGA_UNSUPPORTED',
      message: expect.stringMatching(/is not on a tmpfs or hugetlbfs/),
      suggestions: [expect.stringMatching(/--slab-dir/)],
    });
    expect(await refusal({ 'pool-dir': process.cwd() })).toMatchObject({
      code: 'PEGA_UNSUPPORTED',
      suggestions: [expect.stringMatching(/--pool-dir/)],
    });
    expect(await refusal({ 'pool-dir': '/not/there' })).toMatchObject({ code: 'PEGA_IO' });
  });

  it('of an unknown flag, an unknown key and an unknown group', async () => {
    expect(await refusal({ 'pool-sise': '1gb' })).toMatchObject({
      code: 'PEGA_USAGE',
      suggestions: expect.arrayContaining(['did you mean --pool-size?']),
    });
    const file = join(folder.path, 'pega.yaml');
    writeFileSync(file, 'pool-sise: 1gb\n');
    expect(await refusal({ config: file })).toMatchObject({
      code: 'PEGA_CONFIG',
      suggestions: ['did you mean "pool-size"?'],
    });
    expect(await refusal({ group: 'no-such-group' })).toMatchObject({
      code: 'PEGA_INVALID_ARGUMENT',
    });
  });

  it('of addresses in use, with the pid that has them', async () => {
    const child = await serve();
    const elsewhere = { socket: join(folder.path, 'second.sock') };
    for (const flags of [
      {},
      { ...elsewhere, addr: child.pair('grpc') },
      { ...elsewhere, 'http-addr': child.pair('http') },
    ]) {
      expect(await refusal(flags)).toMatchObject({
        code: 'PEGA_ADDRESS_IN_USE',
        message: expect.stringContaining(`pid ${child.pid}`),
      });
    }
    const client = connectPega({ socket: folder.socket });
    expect((await client.getPool({})).bootNumber).toBe(bootOf(child));
    client.close();
  });

  it('of a pool in use, with the pid that has it, which goes on', async () => {
    const child = await serve();
    const files = poolFiles();
    expect(await refusal({ socket: join(folder.path, 'second.sock') })).toMatchObject({
      code: 'PEGA_POOL_BUSY',
      message: expect.stringContaining(`pid ${child.pid}`),
    });
    expect(poolFiles()).toEqual(files);
  });
});

describe('the socket file', () => {
  it('is taken over when nobody listens any more', async () => {
    const child = await serve();
    child.signal('SIGKILL');
    await child.ended;
    expect(existsSync(folder.socket)).toBe(true);
    const again = await serve();
    expect(again.pair('socket')).toBe(folder.socket);
  });

  it('is left alone when another program listens, or when it is no socket', async () => {
    const program = createServer().listen(folder.socket);
    await once(program, 'listening');
    expect(await refusal({})).toMatchObject({
      code: 'PEGA_ADDRESS_IN_USE',
      message: expect.stringContaining(`pid ${process.pid}`),
    });
    program.close();
    await once(program, 'close');
    writeFileSync(folder.socket, 'text');
    expect(await refusal({})).toMatchObject({ code: 'PEGA_ADDRESS_IN_USE' });
    expect(statSync(folder.socket).size).toBe(4);
  });
});

describe('the end', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'by %s is orderly: exit 0, sessions told, files gone',
    async (signal) => {
      const child = await serve();
      const engine = await startEngine();
      const session = connectPega({ socket: folder.socket }).session({
        engineId: engine.options.engineId,
        role: 'ROLE_SCHEDULER',
        rank: 0,
        nonce: engine.joined.nonces[0] ?? Buffer.alloc(0),
        bootNumber: engine.joined.bootNumber,
      });
      await session.welcome;
      child.signal(signal);
      await session.draining;
      await session.closed;
      expect(await child.ended).toEqual({ exitCode: 0, signal: undefined });
      expect(poolFiles().filter((name) => !name.startsWith('hold-'))).toEqual(['header']);
      expect(existsSync(folder.socket)).toBe(false);
    },
  );

  it('comes while the pool still fills', async () => {
    const args = Object.entries({ ...serveFlags(folder), 'pool-size': '1gb' });
    const child = spawn(
      process.execPath,
      ['bin/run.js', 'serve', ...args.map(([name, value]) => `--${name}=${value}`)],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    await until('the first slab file', () => existsSync(folder.path) && hasSlab());
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(poolFiles()).toEqual(['header']);
  });
});

function hasSlab(): boolean {
  const own = join(folder.path, `pega-${process.getuid?.()}`);
  return existsSync(own) && readdirSync(own).some((name) => name.startsWith('slab-'));
}

describe('a restart after SIGKILL', () => {
  it('begins a new boot, clears the old slabs, and old grants are refused until the engine renews', async () => {
    const first = await serve();
    const engine = await startEngine();
    await engine.store(1, hashes('a', 4));
    const old = poolFiles().filter((name) => name.startsWith('slab-'));
    first.signal('SIGKILL');
    await first.ended;
    expect(poolFiles()).toEqual(expect.arrayContaining(old));

    const second = await serve();
    expect(bootOf(second)).toBeGreaterThan(bootOf(first));
    expect(poolFiles().filter((name) => old.includes(name))).toEqual([]);
    expect(await engine.send('headerBoot', {})).toBe(bootOf(second));
    const request = { leaseId: 2, hashes: hashes('a', 4), localHitBlocks: 0 };
    await until('the engine finds the new server', () =>
      engine.query(request).then(
        () => true,
        (failure: PegaError) => {
          expect(failure.code).toMatch(/PEGA_(STALE_BOOT|UNAVAILABLE)/);
          return failure.code === 'PEGA_STALE_BOOT';
        },
      ),
    );
    await engine.send('renew', {});
    expect(await engine.query(request)).toMatchObject({ hitBlocks: 0, bootNumber: bootOf(second) });
  });

  it("removes a former pool's hold file once its engine is dead", async () => {
    const first = await serve();
    const engine = await startEngine();
    first.signal('SIGKILL');
    await first.ended;
    await serve();
    expect(poolFiles().some((name) => name.startsWith('hold-'))).toBe(true);
    await engine.kill('SIGKILL');
    await until('it is removed', () => !poolFiles().some((name) => name.startsWith('hold-')));
  });
});

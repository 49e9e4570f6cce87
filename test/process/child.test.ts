// startChild with small real programs: ready lines, early ends, deafness, parents that die.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type ChildOptions, startChild } from '../../src/process/child.js';

const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}.mjs`, import.meta.url));

const start = (name: string, options: Partial<ChildOptions> = {}) =>
  startChild({ name, args: [], readyTimeoutMs: 30_000, program: fixture(name), ...options });

describe('startChild', () => {
  it('waits for the ready line, reads its pairs, stops by SIGTERM', async () => {
    const lines: string[] = [];
    const child = await start('obedient', {
      env: { FIXTURE_WORD: 'given' },
      onStderrLine: (line) => lines.push(line),
    });
    expect(Object.fromEntries(child.ready)).toEqual({
      url: 'http://127.0.0.1:1',
      socket: '/tmp/a folder/s',
      pid: String(child.pid),
    });
    expect(child.pair('url')).toBe('http://127.0.0.1:1');
    expect(() => child.pair('grpc')).toThrow(/no grpc=/);
    expect(await child.stop()).toEqual({ exitCode: 0, signal: undefined });
    expect(await child.stop()).toEqual({ exitCode: 0, signal: undefined });
    expect(await child.ended).toEqual({ exitCode: 0, signal: undefined });
    expect(lines).toEqual(['environment: given']);
    expect(child.stderrTail()).toEqual(lines);
  });

  it('kills a child that does not hear SIGTERM', async () => {
    const child = await start('deaf', { killAfterMs: 300 });
    expect(await child.stop()).toEqual({ exitCode: undefined, signal: 'SIGKILL' });
    expect(child.stderrTail()).toEqual(['no']);
  });

  it('tells why a child ended early, with its own code and advice', async () => {
    const error = await start('dies-early').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'PEGA_NO_SPACE', suggestions: ['a smaller pool'] });
    expect(String(error)).toContain('exit code 69');
    expect(String(error)).toContain('line 60\n  Error: no room');
    expect(String(error)).not.toContain('line 12\n');
  });

  it('tells that a child ended early which said nothing', async () => {
    await expect(start('dies-early', { args: [' '] })).rejects.toMatchObject({
      code: 'PEGA_UNAVAILABLE',
    });
  });

  it('stops a child that is not ready in time', async () => {
    const started = performance.now();
    await expect(start('never-ready', { readyTimeoutMs: 1000 })).rejects.toMatchObject({
      code: 'PEGA_TIMEOUT',
      message: expect.stringContaining('still thinking'),
    });
    expect(performance.now() - started).toBeGreaterThanOrEqual(999);
  });

  it('stops a child that is not wanted any more, with the reason of the caller', async () => {
    const stop = new AbortController();
    const reason = new Error('stopped');
    const child = start('never-ready', {
      signal: stop.signal,
      onStderrLine: () => stop.abort(reason),
    });
    await expect(child).rejects.toBe(reason);
  });

  it.each(['exit', 'SIGTERM', 'SIGKILL'] as const)('ends with its parent (%s)', async (how) => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const connected = once(server, 'connection');
    const parent = spawn(process.execPath, [fixture('parent'), how], {
      env: { ...process.env, FIXTURE_PORT: String(port) },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [connection] = await connected;
    const childGone = once(connection.resume(), 'close');
    await once(createInterface({ input: parent.stdout }), 'line');
    if (how !== 'exit') {
      parent.kill(how);
    }
    await childGone;
    server.close();
  });
});

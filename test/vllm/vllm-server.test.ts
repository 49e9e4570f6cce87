// A vLLM from start to end over the fake one: ready, late, dead, deaf; and that none of its processes or
// files stay.
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { groupMembers } from '../../src/vllm/process-group.js';
import { startVllm, type VllmOptions } from '../../src/vllm/vllm-server.js';
import { until } from '../server/support/until.js';
import { fakeLaunch, fakeVllm } from './support/fake-vllm.js';

const PARENT = fileURLToPath(new URL('fixtures/parent.ts', import.meta.url));

let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pega-vllm-test-'));
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
  for (const path of keptLogs()) {
    rmSync(path);
  }
});

const keptLogs = () =>
  readdirSync(tmpdir())
    .filter((name) => name.startsWith(`pega-vllm-${process.pid}-`))
    .map((name) => join(tmpdir(), name));

const reportPath = () => join(folder, 'report.json');
const reported = () =>
  JSON.parse(readFileSync(reportPath(), 'utf8')) as {
    pid: number;
    argv: string[];
    env: Record<string, string>;
  };

function start(faults: string, options: Partial<VllmOptions> = {}) {
  for (const [name, value] of Object.entries(
    fakeVllm(faults, { FAKE_VLLM_REPORT: reportPath() }),
  )) {
    vi.stubEnv(name, value);
  }
  return startVllm({ launch: fakeLaunch(folder), ...options });
}

const failure = (starting: Promise<unknown>) =>
  starting.then(
    () => expect.unreachable(),
    (thrown: unknown) => thrown as Error & { code: string; suggestions: string[] },
  );

describe('startVllm', () => {
  it('waits until it is healthy, tells how far it is, stops all of it', async () => {
    const newest = new Set<string>();
    const vllm = await start('', { onStarting: (line) => newest.add(line) });
    expect((await fetch(`${vllm.url}/v1/models`)).status).toBe(200);
    expect([...newest].join('\n')).toMatch(/^loading weights$/m);
    expect(reported().pid).toBe(vllm.pid);
    expect(reported().env).toMatchObject({ TMPDIR: folder, OMP_NUM_THREADS: '1' });
    expect(groupMembers(vllm.pid)).toHaveLength(2);
    expect(await vllm.stop()).toEqual({ exitCode: 0, signal: undefined });
    expect(await vllm.stop()).toEqual({ exitCode: 0, signal: undefined });
    expect(groupMembers(vllm.pid)).toEqual([]);
    expect(keptLogs()).toEqual([]);
  });

  it('kills all of one that does not hear SIGTERM', async () => {
    const vllm = await start('deaf', { killAfterMs: 200 });
    expect(await vllm.stop()).toEqual({ exitCode: undefined, signal: 'SIGKILL' });
    expect(groupMembers(vllm.pid)).toEqual([]);
  });

  it('kills the engine that its server left behind', async () => {
    const vllm = await start('leaves-engine');
    expect(await vllm.stop()).toEqual({ exitCode: 0, signal: undefined });
    expect(groupMembers(vllm.pid)).toEqual([]);
  });

  it('keeps the log of one that dies at its start, and quotes its end and the first error', async () => {
    const error = await failure(start('dies'));
    expect(error.code).toBe('PEGA_UNAVAILABLE');
    expect(error.message).toMatch(/^vLLM ended before it was ready \(exit code 1\)\n/);
    expect(error.message).toContain('RuntimeError: no weights');
    expect(error.message).toContain('RuntimeError: Engine core initialization failed');
    expect(error.message).not.toContain('File 3\n');
    const [log = ''] = keptLogs();
    expect(error.suggestions).toEqual([`read its log: ${log}`]);
    expect(readFileSync(log, 'utf8')).toContain('File 3\n');
    expect(groupMembers(reported().pid)).toEqual([]);
  });

  it('stops one that is not ready in time', async () => {
    const error = await failure(start('never-ready', { readyTimeoutMs: 1500 }));
    expect(error.code).toBe('PEGA_TIMEOUT');
    expect(error.message).toContain('not ready after 1.5 s');
    expect(keptLogs()).toHaveLength(1);
    expect(groupMembers(reported().pid)).toEqual([]);
  });

  it('stops one that is not wanted any more, with the reason of the caller', async () => {
    const stop = new AbortController();
    const reason = new Error('stopped');
    const onStarting = () => existsSync(reportPath()) && stop.abort(reason);
    expect(await failure(start('never-ready', { signal: stop.signal, onStarting }))).toBe(reason);
    expect(keptLogs()).toEqual([]);
    expect(groupMembers(reported().pid)).toEqual([]);
  });

  it('tells of one that dies later, whose processes are gone then', async () => {
    const vllm = await start('');
    process.kill(vllm.pid, 'SIGKILL');
    const error = await vllm.died;
    expect(error.message).toMatch(/^vLLM ended \(SIGKILL\)/);
    expect(keptLogs()).toHaveLength(1);
    expect(groupMembers(vllm.pid)).toEqual([]);
    await vllm.stop();
  });

  it('says so where the interpreter cannot be run', async () => {
    const error = await failure(start('', { launch: fakeLaunch(folder, '/nowhere/python') }));
    expect(error.code).toBe('PEGA_UNAVAILABLE');
    expect(error.message).toContain('it wrote nothing');
  });

  it.each(['exit', 'SIGKILL'] as const)('ends with its parent (%s)', async (how) => {
    const parent = execa(process.execPath, ['--import', 'tsx', PARENT, folder], {
      env: fakeVllm('', { FAKE_VLLM_REPORT: reportPath() }),
      reject: false,
    });
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(line.toString());
    expect(groupMembers(pid)).toHaveLength(2);
    if (how === 'SIGKILL') {
      parent.kill('SIGKILL');
    } else {
      parent.stdin.end();
    }
    await parent;
    await until('the processes are gone', () => groupMembers(pid).length === 0);
  });
});

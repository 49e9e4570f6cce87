// `pega connector doctor`: interpreters as they are, a vLLM over HTTP, and a real server with engines.
import { afterEach, describe, expect, it } from 'vitest';
import {
  type EngineProcess,
  startEngineProcess,
} from '../../fixtures/engine-process/engine-process.js';
import type { EngineProcessOptions } from '../../fixtures/engine-process/protocol.js';
import type { DoctorView } from '../../src/connector/doctor.js';
import { startTestServer, type TestServer } from '../server/support/test-server.js';
import { addDependencies, connector, makeEnvironment } from './support/environment.js';
import {
  BREAKER_OPEN,
  CONNECTED,
  type FakeVllmOptions,
  NOT_CONNECTED,
  startFakeVllm,
  WITHOUT_CONNECTOR,
} from './support/fake-vllm.js';

const ends: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) {
    await end();
  }
});

async function environment() {
  const made = await makeEnvironment();
  ends.push(() => made.remove());
  return made;
}

async function server(): Promise<TestServer> {
  const started = await startTestServer();
  ends.push(() => started.stop());
  return started;
}

async function engine(
  { folder }: TestServer,
  options: Partial<EngineProcessOptions> = {},
): Promise<EngineProcess> {
  const fields = { engine: 'vllm 0.32.0', weights: 'fixture' };
  const started = await startEngineProcess({ socket: folder.socket, fields, ...options });
  ends.push(() => started.kill('SIGKILL'));
  return started;
}

async function vllm(options: FakeVllmOptions = {}) {
  const started = await startFakeVllm(options);
  ends.push(() => started.stop());
  return started;
}

/** The exit code, and "check state" of each row. */
async function doctor(...args: string[]) {
  const { exitCode, stdout } = await connector(['doctor', ...args, '--json']);
  const { findings, well } = JSON.parse(stdout) as DoctorView;
  expect(well).toBe(exitCode === 0);
  const rows = findings.map(({ check, state }) => `${check}: ${state}`);
  return { exitCode, rows, findings };
}

describe('pega connector doctor --python', () => {
  it('finds nothing wrong where the connector was installed', async () => {
    const { python, ...made } = await environment();
    addDependencies({ python, ...made });
    await connector(['install', '--python', python], { PATH: '/nonexistent' });
    const { exitCode, rows } = await doctor('--python', python);
    expect(rows).toEqual([
      ...['Python: ok', 'vLLM: note', 'grpcio: ok', 'protobuf: ok'],
      ...['connector: ok', 'libpega.so: ok'],
    ]);
    expect(exitCode).toBe(0);
    const asTable = await connector(['doctor'], { PEGA_VLLM_PYTHON: python });
    expect(asTable.stdout).toMatch(/^check +state +found\n/);
    expect(asTable.stdout).toContain('\nTry:\n  vLLM: install vLLM 0.24 to 0.32');
    expect(asTable.exitCode).toBe(0);
  });

  it('names what is missing and what is too old, with what to do', async () => {
    const { python, add } = await environment();
    add('vllm', '0.20.0', 'vllm');
    add('protobuf', '3.20.3', 'google.protobuf');
    const { exitCode, rows, findings } = await doctor('--python', python);
    expect(rows).toEqual([
      ...[
        'Python: ok',
        'vLLM: problem',
        'grpcio: problem',
        'protobuf: problem',
        'connector: problem',
      ],
    ]);
    expect(findings.at(-1)?.try).toBe(`pega connector install --python ${python}`);
    expect(exitCode).toBe(1);
  });

  it('names a package of another distribution', async () => {
    const { python, add } = await environment();
    add('pegaflow-llm', '0.25.1', 'pegaflow');
    const { findings } = await doctor('--python', python);
    expect(findings.at(-1)).toMatchObject({
      state: 'problem',
      try: `remove it first: uv pip uninstall --python ${python} pegaflow-llm`,
    });
  });

  it('says that a program is no Python', async () => {
    const { exitCode, rows } = await doctor('--python', '/bin/true');
    expect(rows).toEqual(['Python: problem']);
    expect(exitCode).toBe(1);
  });
});

describe('pega connector doctor --url', () => {
  it('finds nothing wrong with an engine that the server knows whole, and changes nothing', async () => {
    const pega = await server();
    await engine(pega);
    const running = await vllm({ devMode: true });
    const target = ['--socket', pega.folder.socket];
    const { exitCode, rows, findings } = await doctor('--url', `${running.url}/v1/`, ...target);
    expect(rows).toEqual([
      ...['engine: ok', 'vLLM: ok', 'connector: ok', 'connected: ok', 'dev mode: ok'],
      ...['server: ok', 'registered: ok'],
    ]);
    expect(findings.map(({ found }) => found)).toEqual(
      expect.arrayContaining([
        'on: whoever reaches the engine can reset its caches',
        '1 engine of vLLM 0.32.0',
      ]),
    );
    expect(exitCode).toBe(0);
    expect(running.changing).toEqual([]);
  });

  it('says so when nothing is there', async () => {
    const { url, stop } = await startFakeVllm();
    await stop();
    const { exitCode, rows } = await doctor('--url', url, '--socket', '/nonexistent/s');
    expect(rows).toEqual(['engine: problem', 'server: problem']);
    expect(exitCode).toBe(1);
  });

  it.each<[string, FakeVllmOptions, string, number]>([
    ['no connector', { metrics: [WITHOUT_CONNECTOR] }, 'connector: problem', 1],
    ['no metrics', { metrics: null }, 'connector: note', 0],
    ['a health of 503', { health: 503 }, 'engine: problem', 1],
    ['a connector that is not connected', { metrics: [NOT_CONNECTED] }, 'connected: note', 0],
    ['an open breaker', { metrics: [CONNECTED, BREAKER_OPEN] }, 'breaker: note', 0],
  ])('tells of %s', async (_, options, row, exit) => {
    const pega = await server();
    await engine(pega);
    const { url } = await vllm(options);
    const { exitCode, rows } = await doctor('--url', url, '--socket', pega.folder.socket);
    expect(rows).toContain(row);
    expect(exitCode).toBe(exit);
  });

  it.each<[string, Partial<EngineProcessOptions> | undefined, string, RegExp]>([
    [
      'that the server knows no engine',
      undefined,
      'registered: problem',
      /knows no engine of vLLM 0/,
    ],
    [
      'that the server knows another vLLM only',
      { fields: { engine: 'vllm 0.26.0' } },
      'registered: problem',
      /knows no engine of vLLM 0\.32\.0/,
    ],
    [
      'which ranks are not there',
      { rankSlotBytes: [8192, 8192, 8192], records: [0, 2] },
      'registered: note',
      /^worker 0, worker 2 of vLLM 0\.32\.0 are not there yet/,
    ],
  ])('tells %s', async (_, options, row, found) => {
    const pega = await server();
    if (options !== undefined) {
      await engine(pega, options);
    }
    const { url } = await vllm();
    const { rows, findings } = await doctor('--url', url, '--socket', pega.folder.socket);
    expect(rows.at(-1)).toBe(row);
    expect(findings.at(-1)?.found).toMatch(found);
  });

  it('says that an HTTP server is no vLLM', async () => {
    const pega = await server();
    const { rows } = await doctor('--url', pega.httpUrl, '--socket', pega.folder.socket);
    expect(rows).toEqual(['engine: problem', 'server: ok', 'registered: problem']);
  });

  it.each([
    ['--url', 'nowhere'],
    ['--url', 'ftp://127.0.0.1'],
    ['--socket', '/s'],
  ])('refuses %s %s as usage', async (...args) => {
    expect((await connector(['doctor', ...args])).exitCode).toBe(2);
  });
});

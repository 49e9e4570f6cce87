// `pega connector config` against a real server: what a shell makes of the line, and no server at all.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { formatHostPort } from '../../src/config/addresses.js';
import { PACKAGE_VERSION } from '../../src/package.js';
import { startTestServer, type TestServer } from '../server/support/test-server.js';
import { connector } from './support/environment.js';

let folder: string;
let socket: string;
let server: TestServer;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pega-config-'));
  // Whatever a path may have, a shell must not see.
  mkdirSync(join(folder, "it's $HOME"), { mode: 0o700 });
  socket = join(folder, "it's $HOME", 'pega.sock');
  server = await startTestServer({ socket });
});

afterAll(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const forEndpoint = (endpoint: string) => ({
  kv_connector: 'PegaKVConnector',
  kv_connector_module_path: 'pegaflow.connector',
  kv_role: 'kv_both',
  kv_load_failure_policy: 'recompute',
  kv_connector_extra_config: { endpoint },
});

/** The line's words as a shell takes them when it is pasted. */
async function wordsOf(line: string): Promise<string[]> {
  const { stdout } = await execa('sh', ['-c', `printf '%s\\n' ${line}`]);
  return stdout.split('\n');
}

it('prints one line that a shell takes as it is', async () => {
  const { exitCode, stdout } = await connector(['config', '--socket', socket]);
  expect(exitCode).toBe(0);
  expect(stdout.split('\n')).toHaveLength(1);
  const [flag, value, ...more] = await wordsOf(stdout);
  expect([flag, more]).toEqual(['--kv-transfer-config', []]);
  expect(JSON.parse(value ?? '')).toEqual(forEndpoint(`unix://${socket}`));
});

it('has the same as JSON, with the server that answered', async () => {
  const address = formatHostPort(server.running.grpc);
  const { stdout } = await connector(['config', '--addr', address, '--json']);
  expect(JSON.parse(stdout)).toEqual({
    schema_version: 1,
    server: { version: PACKAGE_VERSION, address },
    kv_transfer_config: forEndpoint(address),
  });
});

it('makes the path of a socket whole: vLLM starts in another folder', async () => {
  const { stdout } = await connector(
    ['config', '--socket', 'pega.sock', '--json'],
    {},
    join(socket, '..'),
  );
  expect(JSON.parse(stdout).kv_transfer_config).toEqual(forEndpoint(`unix://${socket}`));
});

it('prints nothing for a server that does not answer: exit 69', async () => {
  const { exitCode, stdout, stderr } = await connector(['config', '--socket', '/nonexistent/s']);
  expect(exitCode).toBe(69);
  expect(stdout).toBe('');
  expect(stderr).toMatch(/Code: PEGA_UNAVAILABLE\nTry: .*pega serve/);
});

// The doctor beside a running server: is the pool's folder here the server's own, may this user use it.
import { randomBytes } from 'node:crypto';
import { cpSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { serverView } from '../../src/doctor/server-findings.js';
import { startTestServer, type TestServer } from '../server/support/test-server.js';

let server: TestServer;
let folder: string;

beforeEach(async () => {
  server = await startTestServer();
  folder = join(server.folder.path, `pega-${process.getuid?.() ?? 0}`);
});

afterEach(() => server.stop());

async function folderFinding() {
  const { findings, pool } = await serverView({ socket: server.folder.socket }, true, null);
  expect(pool?.folder).toBe(folder);
  return findings.find(({ id }) => id === 'server.folder');
}

it('finds the folder of a server on the same host', async () => {
  expect(await folderFinding()).toMatchObject({ state: 'ok' });
});

it('sees that the folder is not mounted here, or is that of another server', async () => {
  const away = `${folder}-away`;
  renameSync(folder, away);
  try {
    expect(await folderFinding()).toMatchObject({
      ...{ state: 'problem', found: `${folder} is not there` },
      required: "the server's own folder, mounted here at the same path",
    });
    cpSync(join(away, 'header'), join(folder, 'header'));
    writeFileSync(join(folder, 'header'), randomBytes(4096));
    expect((await folderFinding())?.found).toMatch(/another server's or another container's/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
    renameSync(away, folder);
  }
});

it('has a problem with a server that does not answer only where one was named', async () => {
  const nowhere = { socket: join(server.folder.path, 'no.sock') };
  const named = await serverView(nowhere, true, null);
  expect(named.findings.at(-1)).toMatchObject({ id: 'server', state: 'problem' });
  const guessed = await serverView(nowhere, false, 'Docker');
  expect(guessed.findings.map(({ id, state }) => `${id} ${state}`)).toEqual([
    'container ok',
    'server ok',
  ]);
});

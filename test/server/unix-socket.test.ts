// Where the socket lies and who may reach it.

import { mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { defaultSocketPath } from '../../src/config/default-socket.js';
import { groupIdOf, prepareSocketPath, restrictSocket } from '../../src/server/unix-socket.js';

let folder: string;
let server: Server | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pega-socket-'));
});
afterEach(() => {
  server?.close();
  rmSync(folder, { recursive: true, force: true });
});

const modeOf = (path: string): number => statSync(path).mode & 0o777;

function listen(path: string): Promise<void> {
  const listening = createServer();
  server = listening;
  return new Promise((resolve) => listening.listen(path, resolve));
}

describe('the default', () => {
  it('is in the runtime folder, or in /tmp where there is none', () => {
    expect(defaultSocketPath({ XDG_RUNTIME_DIR: '/run/user/5' })).toBe(
      '/run/user/5/pega/pega.sock',
    );
    const inTmp = `/tmp/pega-${process.getuid?.()}/pega.sock`;
    expect(defaultSocketPath({})).toBe(inTmp);
    expect(defaultSocketPath({ XDG_RUNTIME_DIR: 'relative' })).toBe(inTmp);
  });
});

describe('a folder of our own', () => {
  const ownGroup = process.getgid?.() ?? 0;
  it.each([
    { name: 'pega', group: undefined, folderMode: 0o700, socketMode: 0o600 },
    { name: 'pega', group: ownGroup, folderMode: 0o770, socketMode: 0o660 },
    { name: 'made/for/it', group: undefined, folderMode: 0o700, socketMode: 0o600 },
    { name: 'made/for/it', group: ownGroup, folderMode: 0o770, socketMode: 0o660 },
  ])('$name for group $group', async ({ name, group, folderMode, socketMode }) => {
    const path = join(folder, name, 'pega.sock');
    await prepareSocketPath(path, group);
    expect(modeOf(join(folder, name))).toBe(folderMode);
    await listen(path);
    restrictSocket(path, group);
    expect(modeOf(path)).toBe(socketMode);
  });

  it("leaves the mode of a user's folder alone", async () => {
    const before = modeOf(folder);
    await prepareSocketPath(join(folder, 'any.sock'), undefined);
    expect(modeOf(folder)).toBe(before);
  });
});

describe('refusals', () => {
  it('of a folder that is a symbolic link', async () => {
    symlinkSync('/tmp', join(folder, 'pega'));
    await expect(prepareSocketPath(join(folder, 'pega', 's'), undefined)).rejects.toMatchObject({
      code: 'PEGA_IO',
    });
  });

  it('of a path that the kernel would cut', async () => {
    const path = join(folder, 'x'.repeat(100), 's');
    await expect(prepareSocketPath(path, undefined)).rejects.toMatchObject({
      code: 'PEGA_INVALID_ARGUMENT',
      message: expect.stringContaining('at most 107'),
    });
  });

  it('of a group that is not there', () => {
    expect(() => groupIdOf('no-such-group')).toThrow(
      expect.objectContaining({ code: 'PEGA_INVALID_ARGUMENT' }),
    );
    expect(groupIdOf('root')).toBe(0);
  });
});

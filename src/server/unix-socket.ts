// The Unix socket's place: a folder that only its user (or group) may enter, and a path that is free.

import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, lstatSync, mkdirSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { PegaError } from '../errors.js';
import { describeUnixListener } from './listener.js';

/** Linux's bound of sockaddr_un.sun_path, less the closing zero. */
const SOCKET_PATH_BYTES_MAX = 107;

/** The group's number. PEGA_INVALID_ARGUMENT where there is no such group. */
export function groupIdOf(group: string): number {
  try {
    const entry = execFileSync('getent', ['group', '--', group], { encoding: 'utf8' });
    const id = Number(entry.split(':')[2]);
    if (Number.isInteger(id)) {
      return id;
    }
  } catch {
    // told below
  }
  throw new PegaError('PEGA_INVALID_ARGUMENT', `there is no group "${group}" on this machine`, {
    suggestions: ['name one of those that `id` lists'],
  });
}

/** Makes the folder, refuses a folder or path that others could have prepared, clears a stale socket. */
export async function prepareSocketPath(path: string, groupId: number | undefined): Promise<void> {
  if (Buffer.byteLength(path) > SOCKET_PATH_BYTES_MAX) {
    throw new PegaError(
      'PEGA_INVALID_ARGUMENT',
      `the socket's path has ${Buffer.byteLength(path)} bytes (${path}); at most ${SOCKET_PATH_BYTES_MAX} are possible`,
      { suggestions: ['name a shorter path with --socket'] },
    );
  }
  makeFolder(dirname(path), groupId);
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) {
    return;
  }
  if (!found.isSocket()) {
    throw new PegaError('PEGA_ADDRESS_IN_USE', `${path} exists and is not a socket`, {
      suggestions: ['remove it, or name another path with --socket'],
    });
  }
  if (await somebodyListens(path)) {
    throw new PegaError(
      'PEGA_ADDRESS_IN_USE',
      `the socket ${path} is in use by ${describeUnixListener(path)}`,
      { suggestions: ['stop that process, or name another path with --socket'] },
    );
  }
  unlinkSync(path);
}

export function restrictSocket(path: string, groupId: number | undefined): void {
  if (groupId !== undefined) {
    chownSync(path, -1, groupId);
  }
  chmodSync(path, groupId === undefined ? 0o600 : 0o660);
}

/** An existing folder stays as it is if it is safe; a user's --socket may lie anywhere. */
function makeFolder(folder: string, groupId: number | undefined): void {
  const mode = groupId === undefined ? 0o700 : 0o770;
  let made: string | undefined;
  try {
    made = mkdirSync(folder, { recursive: true, mode });
  } catch (cause) {
    throw new PegaError('PEGA_IO', `the socket's folder ${folder} cannot be made`, { cause });
  }
  const found = lstatSync(folder);
  const user = process.getuid?.() ?? 0;
  if (!found.isDirectory() || (found.uid !== user && found.uid !== 0)) {
    throw new PegaError(
      'PEGA_IO',
      `the socket's folder ${folder} is ${found.isDirectory() ? `owned by user ${found.uid}` : 'not a folder'}; required is one of user ${user}`,
      { suggestions: ['remove it, or name another path with --socket'] },
    );
  }
  // mkdir's mode went through the umask, and the folder has the user's first group.
  if (found.uid === user && (made !== undefined || isOwnFolder(folder))) {
    if (groupId !== undefined) {
      chownSync(folder, -1, groupId);
    }
    chmodSync(folder, mode);
  }
}

/** A folder that only pega uses, by its name; others keep their mode. */
function isOwnFolder(folder: string): boolean {
  return /\/pega(-\d+)?$/.test(folder);
}

function somebodyListens(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    // ECONNREFUSED: nobody accepts any more. Anything else (EACCES for one) is not ours to remove.
    probe.once('error', (failure: NodeJS.ErrnoException) =>
      resolve(failure.code !== 'ECONNREFUSED' && failure.code !== 'ENOENT'),
    );
  });
}

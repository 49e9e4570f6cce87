// Who listens on an address of this host: the pid, where this user may see it.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** "pid 4711 (pega serve …)", or who it may be when /proc does not say. */
export function describeUnixListener(path: string): string {
  const inodes = new Set<string>();
  for (const line of readLines('/proc/net/unix')) {
    const [, , , flags = '', , , inode, name] = line.trim().split(/\s+/);
    const listens = (Number.parseInt(flags, 16) & 0x10000) !== 0; // SO_ACCEPTCON
    if (listens && inode !== undefined && name === path) {
      inodes.add(inode);
    }
  }
  return describe(inodes);
}

export function describeTcpListener(port: number): string {
  const inodes = new Set<string>();
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of readLines(file)) {
      const [, local = '', , state, , , , , , inode] = line.trim().split(/\s+/);
      const localPort = Number.parseInt(local.split(':').at(-1) ?? '', 16);
      if (state === '0A' && localPort === port && inode !== undefined) {
        inodes.add(inode);
      }
    }
  }
  return describe(inodes);
}

function describe(inodes: Set<string>): string {
  const pid = ownerOf(inodes);
  if (pid === undefined) {
    return 'a process of another user or container';
  }
  const command = readText(`/proc/${pid}/cmdline`).split('\0').join(' ').trim();
  return `pid ${pid}${command === '' ? '' : ` (${command.slice(0, 120)})`}`;
}

function ownerOf(inodes: Set<string>): string | undefined {
  const links = new Set([...inodes].map((inode) => `socket:[${inode}]`));
  return namesIn('/proc')
    .filter((name) => /^\d+$/.test(name))
    .find((pid) =>
      namesIn(`/proc/${pid}/fd`).some((fd) => links.has(linkOf(`/proc/${pid}/fd/${fd}`))),
    );
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // another user's, or gone since
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function readLines(path: string): string[] {
  return readText(path).split('\n').slice(1);
}

// `pega serve` as a process on one folder and one socket that outlive it: killed, paused, started again.
// And what can be seen of it from outside: its own views, and the bits of the hold files, which say what
// engines use while no server runs.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Child } from '../../../src/process/child.js';
import { connectPega } from '../../../src/rpc/client.js';
import type { Instance } from '../../../src/rpc/messages.js';
import { leaksOf, lookAt, type PoolLook } from '../../races/support/race.js';
import { serveFlags, startServeProcess } from '../../server/support/test-server.js';
import { until } from '../../server/support/until.js';

export type PegaServer = ReturnType<typeof makePegaServer>;

const HOLD_HEADER_BYTES = 64;
const HOLD_RECORD_BYTES = 64;
const RECORD_COUNT_AT = 12;

/** Starts nothing yet. */
export function makePegaServer(defaults: Record<string, string> = {}) {
  const path = mkdtempSync('/dev/shm/pega-vllm-test-');
  const folder = { path, socket: join(path, 'pega.sock'), remove: () => undefined };
  let child: Child | undefined;
  const running = (): Child => {
    if (child === undefined) {
      throw new Error('no server runs');
    }
    return child;
  };
  const self = {
    path,
    socket: folder.socket,
    start: async (flags: Record<string, string> = {}): Promise<void> => {
      child = await startServeProcess({ ...serveFlags(folder), ...defaults, ...flags });
    },
    kill: async (): Promise<void> => {
      running().signal('SIGKILL');
      await running().ended;
    },
    pause: () => running().signal('SIGSTOP'),
    resume: () => running().signal('SIGCONT'),
    stop: async (): Promise<void> => {
      child?.signal('SIGCONT');
      await child?.stop();
    },
    look: (): Promise<PoolLook> => lookAt(folder.socket),
    instances: (): Promise<Instance[]> => instancesOf(folder.socket),
    /** Until `count` engines are there with all their processes, and every rank reaches every slab. */
    untilJoined: (count: number): Promise<void> =>
      until(`${count} engines have joined`, async () => {
        const [instances, pool] = await Promise.all([self.instances(), self.look()]);
        const joined = instances.filter((one) => hasJoined(one, pool.slabsTotal));
        return joined.length === count && instances.length === count;
      }),
    /** Until nothing is pinned or reserved: copies have ended and their ends were answered. */
    untilIdle: (): Promise<void> =>
      until('nothing is held', async () => {
        const [look, instances] = await Promise.all([self.look(), self.instances()]);
        return leaksOf(look).length === 0 && instances.every(({ leases }) => leases === 0);
      }),
    /** Pages of the pool that engines have marked as in use, by their bits; needs no server. */
    heldPages: () => heldPages(path),
    remove: async (): Promise<void> => {
      await self.stop();
      rmSync(path, { recursive: true, force: true });
    },
  };
  mkdirSync(path, { recursive: true });
  return self;
}

function hasJoined({ identity, processes }: Instance, slabs: number): boolean {
  const ranks = identity?.rankCount ?? 0;
  const workers = processes.filter(({ role, alive }) => role === 'ROLE_WORKER' && alive);
  return (
    processes.some(({ role, alive }) => role === 'ROLE_SCHEDULER' && alive) &&
    workers.length === ranks &&
    workers.every(({ report }) => (report?.slabsReady ?? 0) >= slabs)
  );
}

async function instancesOf(socket: string): Promise<Instance[]> {
  const client = connectPega({ socket });
  try {
    return (await client.listInstances({})).instances;
  } finally {
    client.close();
  }
}

function heldPages(path: string): Set<number> {
  return new Set(holdFilesIn(path).flatMap((file) => setBits(bitsOf(file))));
}

function holdFilesIn(path: string): string[] {
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => /(^|\/)hold-[0-9a-f]+-[0-9a-f]+$/.test(name))
    .map((name) => join(path, name));
}

/** As native/shared/hold_file.h lays the file out. */
function bitsOf(file: string): Buffer {
  const bytes = readFileSync(file);
  return bytes.subarray(
    HOLD_HEADER_BYTES + HOLD_RECORD_BYTES * bytes.readUInt32LE(RECORD_COUNT_AT),
  );
}

function setBits(bytes: Buffer): number[] {
  const bits: number[] = [];
  for (const [index, byte] of bytes.entries()) {
    for (let bit = 0; byte >> bit !== 0; bit += 1) {
      if ((byte >> bit) & 1) {
        bits.push(index * 8 + bit);
      }
    }
  }
  return bits;
}

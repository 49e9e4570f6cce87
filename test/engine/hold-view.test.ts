// Life and death of an engine as the server sees it: real processes, real locks (PROTOCOL §2, §3).
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { HoldView, removeDeadHoldFile } from '../../src/engine/hold-view.js';
import { MIB, openTestPool } from './pool-fixture.js';

const SCRIPT = fileURLToPath(new URL('engine-process.ts', import.meta.url));
const PAGE_BYTES = 4096;

let open: Awaited<ReturnType<typeof openTestPool>>;
let children: ChildProcess[] = [];
const engineId = randomBytes(16);

beforeEach(async () => {
  open = await openTestPool();
});

afterEach(async () => {
  await Promise.all(children.map(kill));
  children = [];
  open.close();
});

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill('SIGKILL');
    await once(child, 'close');
  }
}

/** A process of the engine with its lock taken; `say` resolves to its answer. */
async function startProcess(record: number, rankCount: number) {
  const { folder, poolId, slabBytes, ordinalCapacity, bootNumber } = open.pool;
  const nonce = randomBytes(16);
  const hex = (bytes: Buffer) => bytes.toString('hex');
  const wire = {
    ...{ folder, slabBytes, ordinalCapacity, bootNumber, record, rankCount },
    ...{ poolId: hex(poolId), engineId: hex(engineId), nonce: hex(nonce) },
  };
  const args = ['--import', 'tsx', SCRIPT, JSON.stringify(wire)];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async (): Promise<string> => (await lines.next()).value ?? 'ended';
  expect(await answer()).toBe('open');
  const say = (line: string): Promise<string> => {
    child.stdin.write(`${line}\n`);
    return answer();
  };
  return { child, nonce, say };
}

function view(rankCount: number): HoldView {
  const { folder, poolId, slabBytes, ordinalCapacity } = open.pool;
  const pages = (ordinalCapacity * slabBytes) / PAGE_BYTES;
  return HoldView.open(folder, poolId, engineId, rankCount, pages);
}

function holdPath(): string {
  const { folder, poolId } = open.pool;
  return `${folder.path}/hold-${poolId.toString('hex')}-${engineId.toString('hex')}`;
}

test('a process that holds a slot is seen, and seen dead when it is killed', async () => {
  const { child, nonce, say } = await startProcess(0, 1);
  const hold = view(1);
  expect(hold.proves(0, nonce)).toBe(true);
  expect(hold.proves(0, randomBytes(16))).toBe(false);
  expect([hold.alive(0), hold.alive(1), hold.anyAlive()]).toEqual([true, false, true]);

  expect(await say(`hold ${'00'.repeat(8)} ${MIB}`)).toBe('ok');
  expect(hold.heldPages()).toBe(MIB / PAGE_BYTES);
  expect(await say('ready 4')).toBe('ok');
  expect(hold.slabsReady(0)).toBe(4);
  expect(hold.removeIfDead()).toBe(false);
  expect(removeDeadHoldFile(holdPath())).toBe(false);

  await kill(child);
  expect([hold.alive(0), hold.anyAlive(), hold.proves(0, nonce)]).toEqual([false, false, false]);
  expect(hold.heldPages()).toBe(MIB / PAGE_BYTES);
  expect(hold.removeIfDead()).toBe(true);
  expect(existsSync(holdPath())).toBe(false);
});

test('of an engine with two ranks one may die alone', async () => {
  const scheduler = await startProcess(0, 2);
  const ranks = await Promise.all([startProcess(1, 2), startProcess(2, 2)]);
  const hold = view(2);
  expect([0, 1, 2].map((record) => hold.alive(record))).toEqual([true, true, true]);
  await kill(ranks[0].child);
  expect([0, 1, 2].map((record) => hold.alive(record))).toEqual([true, false, true]);
  expect(await scheduler.say(`hold ${'00'.repeat(8)} ${PAGE_BYTES}`)).toBe('ok');
  expect(await scheduler.say(`drop ${'00'.repeat(8)} ${PAGE_BYTES}`)).toBe('ok');
  expect(await scheduler.say(`drop ${'00'.repeat(8)} ${PAGE_BYTES}`)).toBe('PEGA_INVALID_ARGUMENT');
  expect(await ranks[1].say('close')).toBe('ok');
  expect(hold.alive(2)).toBe(false);
  expect(hold.heldPages()).toBe(0);
});

test('a file that is missing or has another shape is no proof', async () => {
  const notHere = expect.objectContaining({ code: 'PEGA_NOT_SAME_HOST' });
  expect(() => view(1)).toThrow(notHere);
  await startProcess(0, 1);
  expect(() => view(2)).toThrow(notHere);
  expect(view(1).alive(0)).toBe(true);
});

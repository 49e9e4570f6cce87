// When a process with the addon ends: idle engines let it go, open jobs and forwards keep it, and an end
// in the middle of anything is an end, not a crash.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const SCRIPT = fileURLToPath(new URL('life-process.ts', import.meta.url));

let dir: string;

beforeEach(() => {
  dir = mkdtempSync('/dev/shm/pega-test-');
});

afterEach(() => {
  rmSync(dir, { recursive: true });
});

async function live(scene: string): Promise<{ code: number | null; printed: string }> {
  const args = ['--expose-gc', '--import', 'tsx', SCRIPT, scene, dir];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let printed = '';
  child.stdout.on('data', (chunk: Buffer) => {
    printed += chunk.toString();
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, printed };
}

const slabs = () =>
  readdirSync(dir).flatMap((name) =>
    readdirSync(join(dir, name)).filter((file) => file.startsWith('slab-')),
  );

test('idle engines that nobody closed end with the process, and the slabs with them', async () => {
  expect(await live('idle')).toEqual({ code: 0, printed: 'idle\n' });
  expect(slabs()).toEqual([]);
});

test('an open job keeps the process until its end is told', async () => {
  expect(await live('job')).toEqual({ code: 0, printed: 'submitted\nstored\n' });
});

test('a running forward keeps the process until its end is told', async () => {
  expect(await live('forward')).toEqual({ code: 0, printed: 'started\ntoken\n' });
});

test('process.exit in the middle of jobs and forwards is no crash', async () => {
  expect(await live('exit')).toEqual({ code: 7, printed: '' });
});

test('a worker thread may be ended in the middle of jobs', async () => {
  expect(await live('thread')).toEqual({ code: 0, printed: 'ended\n' });
});

test('what is collected closes what it has, jobs run on without their objects', async () => {
  expect(await live('collected')).toEqual({ code: 0, printed: 'closed\n' });
});

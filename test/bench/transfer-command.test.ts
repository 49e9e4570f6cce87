// `pega bench transfer` as users run it, on the fake driver: exit codes, table, JSON, files, signals.
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { transferSchema } from './transfer-schema.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PROGRAM = join(ROOT, 'bin/run.js');
const ADDON = process.env.PEGA_ADDON_PATH ?? join(ROOT, 'build/release/pega.node');
/** Built beside the addon. */
const FAKE_CUDA = join(dirname(ADDON), 'fake-cuda');
/** Small enough for a fake GPU that is a thread. */
const SMALL = {
  'segment-bytes': '4kib',
  layers: '4',
  slots: '24',
  repeats: '2',
  'slab-size': '1mb',
  'link-size': '1mb',
  'product-size': '128',
};
const ONE = { ...SMALL, direction: 'load', order: 'run' };

/** One small scenario, or what `flags` say instead. */
function one(flags: Record<string, string> = {}, ...words: string[]): string[] {
  return [...wordsOf({ ...ONE, ...flags }), '--no-beside', ...words];
}

function wordsOf(flags: Record<string, string>): string[] {
  return Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]);
}

/** The planner's calibration, made once. */
let cache = '';
let folder = '';

beforeAll(() => {
  cache = mkdtempSync(join(tmpdir(), 'pega-cache-'));
});

afterAll(() => {
  rmSync(cache, { recursive: true, force: true });
});

beforeEach(() => {
  folder = mkdtempSync('/dev/shm/pega-test-');
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

interface Surroundings {
  /** Settings of the fake driver; null: there is no driver. */
  fake?: string | null;
}

function pega(args: readonly string[], { fake = 'gpus=1,memory_mib=512' }: Surroundings = {}) {
  return execa(process.execPath, [PROGRAM, 'bench', 'transfer', '--pool-dir', folder, ...args], {
    reject: false,
    env: {
      XDG_CACHE_HOME: cache,
      LD_LIBRARY_PATH: fake === null ? '/nonexistent' : FAKE_CUDA,
      PEGA_FAKE_CUDA: fake ?? '',
    },
  });
}

function filesLeft(): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Writes into every slab that the process has open: they have no names any more. */
function changeSlabsOf(pid: number): void {
  const open = `/proc/${pid}/fd`;
  try {
    for (const fd of readdirSync(open).map((name) => join(open, name))) {
      if (/slab-.* \(deleted\)$/.test(readlinkSync(fd))) {
        const slab = openSync(fd, 'r+');
        writeSync(slab, 'changed', 96);
        closeSync(slab);
      }
    }
  } catch {
    // the process has ended, or closed the file between two lines
  }
}

describe('pega bench transfer', () => {
  it('measures every direction, with JSON and page as asked, and leaves no slab', async () => {
    const output = join(folder, 'transfer.json');
    const report = join(folder, 'transfer.html');
    const { exitCode, stdout, stderr } = await pega([
      ...wordsOf(SMALL),
      ...['--order', 'run,shuffled/runs16', '--output', output, '--report', report],
    ]);
    expect([exitCode, stderr]).toEqual([0, expect.stringContaining('GPU 0: Fake GPU')]);
    expect(stderr).toMatch(
      /^load sync, 4\.0 KiB × 4 layers × 24 blocks, run\/run, auto: .* GB\/s/m,
    );
    expect(stderr).toMatch(/^GPU 0: [\d.]+ s, 10\/10 scenarios$/m);
    for (const name of ['load sync', 'store', 'both, loads sync']) {
      expect(stdout).toMatch(
        new RegExp(`^${name} +4K +4 +24 +shuffled/runs16 +auto +[\\d.]+ `, 'm'),
      );
    }
    const result = transferSchema.parse(JSON.parse(readFileSync(output, 'utf8')));
    expect(result.passed).toBe(true);
    expect(result.command).not.toContain(folder);
    expect(result.gpus[0]?.scenarios.map(({ verified }) => verified)).toEqual(
      Array.from({ length: 10 }, () => true),
    );
    expect(result.gpus[0]?.latency).toHaveLength(3);
    expect(result.gpus[0]?.product_tera_flops).toBeGreaterThan(0);
    expect(readFileSync(report, 'utf8')).toMatch(/^<!doctype html>.*<\/html>\n$/s);
    expect(filesLeft().sort()).toEqual([report, output]);
  });

  it('prints with --json what --output would write', async () => {
    const { exitCode, stdout } = await pega(one({ plan: 'direct,staged' }, '--json'));
    expect(exitCode).toBe(0);
    const { gpus, config } = transferSchema.parse(JSON.parse(stdout));
    expect(config.plans).toEqual(['direct', 'staged']);
    expect(gpus[0]?.scenarios.map(({ staged_share }) => staged_share)).toEqual([0, 1]);
  });

  it('takes the GPUs that are named', async () => {
    const fake = 'gpus=2,memory_mib=256';
    const { stdout } = await pega(one({ gpu: '1' }, '--no-verify', '--json'), { fake });
    const { gpus } = transferSchema.parse(JSON.parse(stdout));
    expect(gpus.map(({ ordinal }) => ordinal)).toEqual([1]);
    expect(gpus[0]?.scenarios[0]?.verified).toBeNull();
    const missing = await pega(one({ gpu: '2' }), { fake });
    expect(missing.exitCode).toBe(2);
    expect(missing.stderr).toContain('--gpu 2: the driver shows this process 2 GPUs');
  });

  it.each([
    ['no driver', null],
    ['no GPU', 'init=100'],
    ['a driver that lacks a call', 'missing=cuMemcpy2DAsync_v2'],
  ])('ends with 69 and says what is missing: %s', async (_, fake) => {
    const { exitCode, stderr } = await pega(one(), { fake });
    expect(stderr).toMatch(/^Error: no GPU to measure: .+\nCode: PEGA_UNSUPPORTED\nTry: /m);
    expect(exitCode).toBe(69);
  });

  it('ends with 69 when the GPU fails, or has no memory', async () => {
    const failed = await pega(one(), { fake: 'gpus=1,fail=cuStreamSynchronize:40:719:forever' });
    expect([failed.exitCode, failed.stderr]).toEqual([69, expect.stringContaining('PEGA_DEVICE')]);
    const small = await pega(one({ 'link-size': '64mb' }), { fake: 'gpus=1,memory_mib=16' });
    expect([small.exitCode, small.stderr]).toEqual([69, expect.stringContaining('PEGA_NO_SPACE')]);
  });

  it('goes on past a scenario that can not be measured, and ends with 1', async () => {
    const { exitCode, stdout } = await pega(one({ 'segment-bytes': '4kib,16mib' }, '--json'));
    expect(exitCode).toBe(1);
    const { gpus, problems } = transferSchema.parse(JSON.parse(stdout));
    expect(gpus[0]?.scenarios).toHaveLength(1);
    expect(problems).toEqual([
      {
        kind: 'not_measured',
        gpu: 0,
        message: expect.stringContaining('does not fit into a slab'),
      },
    ]);
  });

  it('refuses before it measures when slabs have no room, or a file no folder', async () => {
    const large = await pega(['--slots', '625', '--link-size', '1048576mb']);
    expect([large.exitCode, large.stderr]).toEqual([
      69,
      expect.stringContaining('slabs for these'),
    ]);
    const lost = await pega(one({ report: '/nonexistent/page.html' }));
    expect([lost.exitCode, lost.stderr]).toEqual([69, expect.stringContaining('--report')]);
  });

  it('finds bytes that another process changed', async () => {
    const child = pega(one({ repeats: '200', slots: '200' }, '--json'));
    const changing = setInterval(() => changeSlabsOf(child.pid ?? 0), 10);
    const { exitCode, stdout } = await child;
    clearInterval(changing);
    expect(exitCode).toBe(1);
    const { gpus, problems } = transferSchema.parse(JSON.parse(stdout));
    expect(gpus[0]?.scenarios[0]).toMatchObject({ verified: false });
    expect(problems[0]).toMatchObject({
      kind: 'wrong_bytes',
      message: expect.stringMatching(/segments hold wrong bytes, first device block \d+, layer 0/),
    });
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)('leaves nothing after %s', async (signal) => {
    const output = join(folder, 'transfer.json');
    const child = pega(one({ repeats: '1000', slots: '200', output }));
    for await (const line of child.iterable({ from: 'stderr' })) {
      if (/^GPU 0: [\d.]+ s, /.test(line)) {
        child.kill(signal);
      }
    }
    const { exitCode, signal: killed } = await child;
    expect(signal === 'SIGKILL' ? killed : exitCode).toBe(signal === 'SIGKILL' ? signal : 130);
    expect(filesLeft()).toEqual([]);
    expect(existsSync(output)).toBe(false);
  });
});

describe.concurrent('pega bench transfer refuses', () => {
  it.each([
    ['--gpu', 'first'],
    ['--gpu', '0,0'],
    ['--direction', 'up'],
    ['--direction', ''],
    ['--kind', 'sync,'],
    ['--segment-bytes', '8kilo'],
    ['--segment-bytes', '12'],
    ['--segment-bytes', '64mib'],
    ['--layers', '0'],
    ['--layers', '1025'],
    ['--slots', '1.5'],
    ['--order', 'runs8'],
    ['--order', 'run/run/run'],
    ['--plan', 'fast'],
    ['--repeats', '0'],
    ['--seed', '-1'],
    ['--link-size', '1 gb'],
    ['--product-size', '100'],
  ])('%s %s', async (flag, value) => {
    const { exitCode, stderr } = await pega([flag, value]);
    expect([exitCode, stderr.split('\n')[0]]).toEqual([2, expect.stringContaining(flag)]);
  });
});

// `pega doctor` as a command: exit codes, JSON, and a report that fits a terminal.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { renderReport } from '../../src/doctor/render.js';
import type { DoctorView } from '../../src/doctor/report.js';
import { packageRoot } from '../../src/package.js';
import { environmentOf, type PlantedHost, plantHost } from './support/planted-host.js';

const PROGRAM = join(packageRoot(), 'bin', 'run.js');

let folder: string;
let host: PlantedHost;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pega-doctor-command-'));
  host = plantHost();
});

afterEach(() => {
  host.remove();
  rmSync(folder, { recursive: true, force: true });
});

const doctor = (args: string[], fake?: string) =>
  execa(process.execPath, [PROGRAM, 'doctor', '--pool-size', '32mb', ...args], {
    reject: false,
    extendEnv: false,
    env: {
      ...environmentOf(fake, folder),
      ...{ PEGA_SOCKET: '', PEGA_ADDR: '', XDG_RUNTIME_DIR: '/nonexistent' },
    },
  });

it('ends with 0 on a host that is fit, with versioned JSON', async () => {
  const { exitCode, stdout } = await doctor(['--json', '--gpu'], 'gpus=1');
  const view = JSON.parse(stdout) as DoctorView;
  expect(view).toMatchObject({ schema_version: 1, fit: true });
  expect(exitCode).toBe(0);
  expect(view.facts.driver).toMatchObject({ version: 13_000, missing_required: [] });
  expect(view.facts.gpus).toMatchObject([{ ordinal: 0, memory_bytes: 4 * 1024 ** 3 }]);
  const row = view.facts.expected?.rows.find(
    ({ model, tensor_parallel }) => model === 'llama-3.1-70b' && tensor_parallel === 8,
  );
  expect(row?.kv_bytes_per_token).toBe(40 * 1024);
});

it('ends with 1 where there is a problem, the same without --json', async () => {
  const asJson = await doctor(['--gpu', '--json']);
  const asText = await doctor(['--gpu']);
  expect([asJson.exitCode, asText.exitCode]).toEqual([1, 1]);
  expect((JSON.parse(asJson.stdout) as DoctorView).fit).toBe(false);
  expect(asText.stdout).toMatch(
    /PROBLEM {2}GPU[\s\S]*what to mend\n {2}driver: GPU\n[\s\S]*not fit/,
  );
});

it('ends with 2 on a model that it does not know, and with 69 on a folder that is not there', async () => {
  expect((await doctor(['--model-shape', 'gpt-2'])).exitCode).toBe(2);
  expect((await doctor(['--pool-dir', '/nonexistent'])).exitCode).toBe(69);
});

it('says how long loads take for the models that were named alone', async () => {
  const args = ['--model-shape', 'qwen3-8b', '--kv-bytes-per-token', '1024', '--json'];
  const { stdout } = await doctor(args);
  const { expected } = (JSON.parse(stdout) as DoctorView).facts;
  expect(expected?.rows.map(({ model }) => model)).toEqual(['qwen3-8b', '--kv-bytes-per-token']);
  const seconds = (100_000 * 1024) / (expected?.load_bytes_per_second ?? 0);
  expect(expected?.rows[1]?.load[3]).toEqual({ tokens: 100_000, ms: seconds * 1000 });
});

it.each([80, 120])('fits a terminal of %i columns but for commands to copy', async (columns) => {
  host.file('proc/self/mounts', 'tmpfs /dev/shm tmpfs rw 0 0\n');
  const text = renderReport(await host.examine('gpus=1', { calibrate: true }), columns);
  const [report = ''] = text.split('what could be better');
  // A path is not broken.
  const long = report
    .split('\n')
    .filter((line) => line.length > columns && /\s\S+\s\S/.test(line.trim()));
  expect(long).toEqual([]);
});

// `pega bench ttft --model` and `pega hello` as users run them, with a real server and the fake vLLM: what
// they print, how they fail, and that no process or file of a run stays.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { groupMembers } from '../../src/vllm/process-group.js';
import { until } from '../server/support/until.js';
import { fakeVllm, writeModel } from '../vllm/support/fake-vllm.js';
import { resultSchema } from './result-schema.js';

const PROGRAM = fileURLToPath(new URL('../../bin/run.js', import.meta.url));
const SIZE = ['--num-prompts', '2', '--input-len', '64', '--request-rate', 'inf'];

let folder = '';
let model = '';
let pids: (number | undefined)[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pega-own-vllm-'));
  model = writeModel(folder);
});

afterEach(() => {
  rmSync(folder, { recursive: true });
  for (const log of pids.flatMap(leftovers)) {
    rmSync(log, { recursive: true });
  }
  pids = [];
});

const reportPath = () => join(folder, 'report.json');

function reported(): { pid: number; argv: string[]; env: Record<string, string> } {
  return JSON.parse(readFileSync(reportPath(), 'utf8'));
}

function start(faults: string, ...args: string[]) {
  const run = execa(process.execPath, [PROGRAM, ...args], {
    reject: false,
    env: fakeVllm(faults, { FAKE_VLLM_REPORT: reportPath() }),
  });
  pids.push(run.pid);
  return run;
}

/** Folders of a run of that process, and logs that it kept. */
function leftovers(pid: number | undefined): string[] {
  const name = new RegExp(`^pega-(bench-\\d+-${pid}-|vllm-${pid}-)`);
  return ['/dev/shm', tmpdir()].flatMap((parent) =>
    readdirSync(parent).flatMap((entry) => (name.test(entry) ? [join(parent, entry)] : [])),
  );
}

describe('pega bench ttft --model', () => {
  it('starts both, measures, leaves nothing', async () => {
    const run = start('', 'bench', 'ttft', '--model', model, ...SIZE, '--json');
    const { exitCode, stdout } = await run;
    expect(exitCode).toBe(0);
    const result = resultSchema.parse(JSON.parse(stdout));
    expect(result).toMatchObject({
      passed: true,
      vllm_log: null,
      config: { engine: 'vllm', url: null, seed: 0, block_tokens: 16 },
      versions: { vllm: '0.32.0' },
    });
    expect(result.phases.host).toMatchObject({ hit_share: 0.75, proven: true });
    expect(leftovers(run.pid)).toEqual([]);
    expect(groupMembers(reported().pid)).toEqual([]);
    const { argv, env } = reported();
    const config = JSON.parse(argv[argv.indexOf('--kv-transfer-config') + 1] ?? '');
    expect(config.kv_connector_extra_config.endpoint).toMatch(/^unix:\/\/\/.*\/pega\.sock$/);
    expect(argv.join(' ')).toContain('--max-model-len 1024 ');
    expect(env).toMatchObject({ VLLM_SERVER_DEV_MODE: '1', PYTHONHASHSEED: '0' });
  });

  it("gives the user's own arguments to vLLM", async () => {
    const extra = `--max-model-len 99 --note 'two words'`;
    const args = ['--model', model, ...SIZE, '--vllm-args', extra, '--vllm-python', 'python3'];
    const { exitCode, stderr } = await start('', 'bench', 'ttft', ...args);
    // python3 is no path here: only the words are looked at.
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('--vllm-python: python3 is')]);
    await start('dies', 'bench', 'ttft', ...args.slice(0, -2));
    expect(reported().argv.slice(-4)).toEqual(['--max-model-len', '99', '--note', 'two words']);
  });

  it('names the log of a vLLM that dies at its start, and keeps nothing else', async () => {
    const run = start('dies', 'bench', 'ttft', '--model', model, ...SIZE);
    const { exitCode, stderr } = await run;
    expect(exitCode).toBe(69);
    expect(stderr).toContain('vLLM ended before it was ready (exit code 1)');
    expect(stderr).toContain('RuntimeError: no weights');
    const [, log = ''] = /^Try: read its log: (\/.+)$/m.exec(stderr) ?? [];
    expect(leftovers(run.pid)).toEqual([log]);
    expect(statSync(log).mode & 0o777).toBe(0o600);
    expect(groupMembers(reported().pid)).toEqual([]);
  });

  it('tells why requests failed when vLLM dies during the run', async () => {
    const run = start('dies-later', 'bench', 'ttft', '--model', model, ...SIZE);
    const { exitCode, stderr } = await run;
    expect(exitCode).toBe(69);
    expect(stderr).toContain('vLLM ended (exit code 9)');
    expect(stderr).toContain('the third is one too many');
    const [log = '', ...others] = leftovers(run.pid);
    expect([readFileSync(log, 'utf8'), others]).toEqual([expect.stringContaining('third'), []]);
  });

  it.each([
    ['while vLLM starts', 'never-ready', /^starting vLLM/, 'SIGINT'],
    ['while a phase runs', '', /^cold:/, 'SIGTERM'],
  ] as const)('ends %s with 130 and leaves nothing', async (_, faults, moment, signal) => {
    const run = start(faults, 'bench', 'ttft', '--model', model, '--request-rate', '0.01');
    for await (const line of run.iterable({ from: 'stderr' })) {
      if (moment.test(String(line))) {
        await until('vLLM runs', () => existsSync(reportPath()));
        run.kill(signal);
      }
    }
    expect((await run).exitCode).toBe(130);
    expect(leftovers(run.pid)).toEqual([]);
    expect(groupMembers(reported().pid)).toEqual([]);
  });
});

describe('pega hello', () => {
  it('shows both times, and what came from pega', async () => {
    const run = start('', 'hello', '--model', model, '--input-len', '65');
    const { exitCode, stdout } = await run;
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^Hello from vLLM 0\.32\.0 on the CPU with pega-own-vllm-/);
    expect(stdout).toMatch(/^ {2}cold +[0-9.]+ ms {3}vLLM computed it$/m);
    expect(stdout).toMatch(/^ {2}warm +[0-9.]+ ms {3}64 of its tokens came from pega/m);
    expect(stdout).toMatch(/^[0-9.]+ times as fast, and the answer is the same\.$/m);
    expect(leftovers(run.pid)).toEqual([]);
  });

  it('prints it all with --json', async () => {
    const { exitCode, stdout } = await start('', 'hello', '--model', model, '--json');
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      passed: true,
      model_made_for_this_run: false,
      device: 'cpu',
      prompt_tokens: 4096,
      output_tokens: 16,
      tokens_from_pega: 4080,
      same_answer: true,
    });
  });

  it('says that the tiny model cannot be made where the interpreter lacks what it needs', async () => {
    const run = start('', 'hello');
    const { exitCode, stderr } = await run;
    expect(exitCode).toBe(69);
    expect(stderr).toMatch(/can't make the tiny model:\n.*No module named 'torch'/s);
    expect(leftovers(run.pid)).toEqual([]);
  });

  it.each([
    [['--model', '/nowhere'], 2, '--model: /nowhere is neither'],
    [['--vllm-args', '--port 1'], 2, '--vllm-args: --port is set by pega'],
    [['--input-len', '9000'], 2, '9016 tokens; the model has room for 8192'],
    [['--vllm-python', '/nowhere'], 2, '--vllm-python: /nowhere is no file'],
  ])('refuses %j', async (args, exit, words) => {
    const given = args.includes('--model') ? args : ['--model', model, ...args];
    const { exitCode, stderr } = await start('', 'hello', ...given);
    expect([exitCode, stderr]).toEqual([exit, expect.stringContaining(words)]);
  });
});

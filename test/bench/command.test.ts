// `pega bench ttft` as users run it, against an engine of the test: exit codes, table, JSON, signals.
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterEach, describe, expect, it } from 'vitest';
import { type FakeEngine, type FakeEngineOptions, startFakeEngine } from './fake-engine.js';
import { resultSchema } from './result-schema.js';

const PROGRAM = fileURLToPath(new URL('../../bin/run.js', import.meta.url));

let engine: FakeEngine | undefined;

afterEach(async () => {
  await engine?.close();
  engine = undefined;
});

const pega = (...args: string[]) =>
  execa(process.execPath, [PROGRAM, 'bench', 'ttft', ...args], {
    reject: false,
    env: { PEGA_SOCKET: '', PEGA_ADDR: '', XDG_RUNTIME_DIR: '/nonexistent' },
  });

async function bench(options: FakeEngineOptions, ...args: string[]) {
  engine = await startFakeEngine(options);
  const size = ['--num-prompts', '2', '--input-len', '64', '--request-rate', 'inf'];
  return pega('--url', engine.url, ...size, ...args);
}

describe('pega bench ttft --url', () => {
  it('prints a table on stdout and a progress line a phase on stderr', async () => {
    const { exitCode, stdout, stderr } = await bench({}, '--seed', '5');
    expect(exitCode).toBe(0);
    expect(stdout).toContain('fake: 2 prompts of 64 tokens, 8 output tokens, all at once, seed 5');
    for (const phase of ['cold', 'hbm', 'host']) {
      expect(stdout).toMatch(new RegExp(`^${phase}(?: +[0-9.]+){3} `, 'm'));
      expect(stderr).toMatch(new RegExp(`^${phase}: [0-9.]+ s, 2/2 requests$`, 'm'));
    }
  });

  it.each<[string, FakeEngineOptions, number, boolean]>([
    ['honest', {}, 0, true],
    ['lying when warm', { wrongWhenWarm: true }, 1, false],
    ['failing', { completion: (response) => response.writeHead(503).end() }, 1, false],
    ['without hits from outside', { external: false }, 3, false],
  ])('an engine %s', async (_, options, exit, passed) => {
    const plain = await bench(options);
    await engine?.close();
    const json = await bench(options, '--json');
    expect([plain.exitCode, json.exitCode]).toEqual([exit, exit]);
    const result = JSON.parse(json.stdout);
    expect(resultSchema.parse(result).passed).toBe(passed);
    expect(Object.keys(result.phases)).toEqual(['cold', 'hbm', 'host']);
    expect(Object.keys(result.phases.host.ttft_ms)).toEqual(['mean', 'p50', 'p99']);
  });

  it('takes a new seed each time unless one is given', async () => {
    const first = JSON.parse((await bench({}, '--json')).stdout);
    await engine?.close();
    const second = JSON.parse((await bench({}, '--json')).stdout);
    expect(first.config.seed).not.toBe(second.config.seed);
  });

  it.each([
    [{ data: [] }, 'an empty list'],
    [{ error: 'none' }, 'no list of models'],
  ])('says what /v1/models answered: %j', async (models, words) => {
    const { exitCode, stderr } = await bench({ models });
    expect(exitCode).toBe(2);
    expect(stderr).toContain(`/v1/models answers ${words}; required is a model`);
    expect(stderr).toContain('Try: name it with --model');
  });

  it('ends with 69 when the engine cannot be reached', async () => {
    engine = await startFakeEngine();
    const { url } = engine;
    await engine.close();
    engine = undefined;
    const { exitCode, stderr } = await pega('--url', url);
    expect(exitCode).toBe(69);
    expect(stderr).toContain(`${url} can't be reached`);
  });

  it('ends with 69 when the server that was named cannot be reached', async () => {
    const { exitCode, stdout } = await bench({}, '--socket', '/nonexistent/s', '--json');
    expect(exitCode).toBe(69);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'PEGA_UNAVAILABLE' } });
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('ends with 130 on %s', async (signal) => {
    engine = await startFakeEngine({ completion: () => child?.kill(signal) });
    const child: ReturnType<typeof pega> | undefined = pega(
      '--url',
      engine.url,
      '--input-len',
      '9',
    );
    const { exitCode, stderr } = await child;
    expect(exitCode).toBe(130);
    expect(stderr).toContain('PEGA_INTERRUPTED');
  });
});

describe.concurrent('pega bench ttft refuses', () => {
  it.each([
    ['--request-rate', '0'],
    ['--request-rate', '-1'],
    ['--request-rate', 'fast'],
    ['--request-rate', ''],
    ['--num-prompts', '0'],
    ['--num-prompts', '1.5'],
    ['--input-len', '1e99'],
    ['--input-len', '8190'],
    ['--seed', '-1'],
    ['--url', 'localhost'],
    ['--model', 'x'],
    ['--vllm-python', '/bin/sh'],
    ['--vllm-args', '--dtype half'],
    ['--vllm-args', '--port 1', '--model', '.'],
    ['--vllm-args', "'", '--model', '.'],
    ['--vllm-python', '/bin/sh', '--model', 'x', '--url', 'http://127.0.0.1:1'],
    ['--vocab-size', '9', '--model', '.'],
    ['--server-pool-size', '1 gb'],
    ['--server-pool-size', '1mb'],
    ['--addr', '127.0.0.1:1'],
    ['--server-pool-size', '1gb', '--url', 'http://127.0.0.1:1'],
    ['--socket', '/a', '--addr', '127.0.0.1:1'],
    ['--bogus'],
    ['extra'],
  ])('%s %s %s', async (...args) => {
    const given = args.filter((arg) => arg !== undefined);
    const [plain, json] = await Promise.all([pega(...given), pega(...given, '--json')]);
    expect([plain.exitCode, json.exitCode]).toEqual([2, 2]);
    const [first, second, third] = plain.stderr.split('\n');
    expect(first).toMatch(/^Error: /);
    // It says what it is that is wrong: the flag, or the word that is none.
    expect(first).toMatch(new RegExp(`${given[0]}`));
    expect([second, third]).toEqual([
      expect.stringMatching(/^Code: PEGA_/),
      expect.stringMatching(/^Try: /),
    ]);
    expect(JSON.parse(json.stdout).error).toMatchObject({ exit: 2 });
  });
});

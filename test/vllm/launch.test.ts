// The words that a vLLM is started with: the connector's configuration, the user's own arguments.
import { describe, expect, it } from 'vitest';
import { modelTokensFor, vllmPoolBytesFor } from '../../src/bench/vllm-size.js';
import { flagValue, parseExtraArguments } from '../../src/vllm/extra-arguments.js';
import { kvTransferConfig } from '../../src/vllm/kv-transfer-config.js';
import { argumentsOf, environmentOf, type VllmLaunch } from '../../src/vllm/launch.js';

const PYTHON = {
  path: '/p',
  from: 'a test',
  pythonVersion: '3.11',
  vllmVersion: '0.32.0',
  grpcioVersion: '1',
  protobufVersion: '7',
};

const LAUNCH: VllmLaunch = {
  python: { ...PYTHON, isCpuBuild: false },
  model: { folder: '/m', name: 'm' },
  hasWeights: true,
  maxModelTokens: 5120,
  kvBytes: 0,
  kvTransferConfig: kvTransferConfig({ socket: '/s' }),
  extraArguments: [],
  temporaryFolder: '/t',
};

const CPU = { ...LAUNCH, python: { ...PYTHON, isCpuBuild: true } };

describe('kvTransferConfig', () => {
  it.each([
    [{ socket: '/run/pega.sock' }, 'unix:///run/pega.sock'],
    [{ address: '127.0.0.1:50055' }, '127.0.0.1:50055'],
  ])('names %j', (target, endpoint) => {
    expect(kvTransferConfig(target)).toEqual({
      kv_connector: 'PegaKVConnector',
      kv_connector_module_path: 'pegaflow.connector',
      kv_role: 'kv_both',
      kv_load_failure_policy: 'recompute',
      kv_connector_extra_config: { endpoint },
    });
  });
});

describe('parseExtraArguments', () => {
  it.each([
    ['', []],
    ['  --a  b ', ['--a', 'b']],
    [`--j '{"n": 2}' "x \\"y\\" 'z'" a\\ b ''`, ['--j', '{"n": 2}', `x "y" 'z'`, 'a b', '']],
    [`--a="1 2"'3'4`, ['--a=1 234']],
    ['"\\d"', ['\\d']],
  ])('splits %s as a shell does', (text, words) => {
    expect(parseExtraArguments(text)).toEqual(words);
  });

  it.each(['--port 1', '--port=1', '--served_model_name x', '--api-key k', `'--uds' /x`])(
    'refuses %s',
    (text) => {
      expect(() => parseExtraArguments(text)).toThrow(/--vllm-args: --[a-z-]+ is set by pega/);
    },
  );

  it.each([`a 'b`, 'a "b', 'a\\'])('refuses %s, which does not end', (text) => {
    expect(() => parseExtraArguments(text)).toThrow(/at position 3|at position 2/);
  });

  it('finds the last value of a flag', () => {
    const words = ['--max-model-len', '1', '--max_model_len=2', '--max-model-length', '3'];
    expect(flagValue(words, 'max-model-len')).toBe('2');
    expect(flagValue(words, 'dtype')).toBeUndefined();
  });
});

describe('argumentsOf', () => {
  it('has our words first and those of the user last', () => {
    const words = argumentsOf({ ...LAUNCH, extraArguments: ['--dtype', 'half'] }, 8000);
    expect(words.slice(1)).toEqual([
      ...[String(process.pid), '-m', 'vllm.entrypoints.openai.api_server'],
      ...['--model', '/m', '--served-model-name', 'm', '--host', '127.0.0.1', '--port', '8000'],
      ...['--max-model-len', '5120'],
      ...['--kv-transfer-config', JSON.stringify(kvTransferConfig({ socket: '/s' }))],
      ...['--dtype', 'half'],
    ]);
  });

  it('adds dummy weights, the settings of the CPU, and no second --max-model-len', () => {
    const extraArguments = ['--max-model-len', '64'];
    const words = argumentsOf({ ...CPU, hasWeights: false, extraArguments }, 1).join(' ');
    expect(words).toContain('--load-format dummy --dtype bfloat16 --enforce-eager');
    expect(words.match(/--max-model-len/g)).toHaveLength(1);
    expect(argumentsOf({ ...LAUNCH, kvTransferConfig: null }, 1).join(' ')).not.toContain('kv-tr');
  });
});

describe('environmentOf', () => {
  it('puts the package first on the path and keeps what was there', () => {
    const variables = environmentOf(LAUNCH, { PYTHONPATH: '/site' });
    expect(variables.PYTHONPATH).toMatch(/\/python:\/site$/);
    expect(variables).toMatchObject({ PYTHONHASHSEED: '0', TMPDIR: '/t', HF_HUB_OFFLINE: '1' });
    expect(variables.PEGA_LIBRARY).toMatch(/\/build\/release\/libpega\.so$/);
    expect(variables).not.toHaveProperty('OMP_NUM_THREADS');
  });

  it('gives the CPU build one thread and room for the prompts, unless the user chose', () => {
    const large = { ...CPU, kvBytes: 5 * 1024 ** 3 + 1 };
    expect(environmentOf(large, { OMP_NUM_THREADS: '2' })).toMatchObject({
      VLLM_CPU_KVCACHE_SPACE: '6',
      VLLM_CPU_OMP_THREADS_BIND: 'nobind',
      OMP_NUM_THREADS: '2',
    });
  });
});

describe('sizes', () => {
  const FACTS = {
    vocabularySize: 9,
    contextTokens: 8192,
    kvBytesPerToken: 128 * 1024,
    hasWeights: true,
  };
  const size = { promptCount: 10, inputTokens: 4096, outputTokens: 1 };

  it('has twice the prompts in the pool, 256 MiB at least', () => {
    const prompts = 10 * 4097 * FACTS.kvBytesPerToken;
    expect(vllmPoolBytesFor(size, FACTS)).toBeGreaterThan(2 * prompts);
    expect(vllmPoolBytesFor(size, FACTS)).toBeLessThan(3 * prompts);
    expect(vllmPoolBytesFor({ ...size, promptCount: 1 }, { ...FACTS, kvBytesPerToken: 1 })).toBe(
      256 * 1024 ** 2,
    );
    expect(vllmPoolBytesFor(size, { ...FACTS, kvBytesPerToken: null })).toBe(8 * 1024 ** 3);
  });

  it('asks vLLM for the room of one prompt and its answer', () => {
    expect(modelTokensFor(size, FACTS, [])).toBe(5120);
    expect(modelTokensFor({ ...size, inputTokens: 8191 }, FACTS, [])).toBe(8192);
    expect(modelTokensFor(size, { ...FACTS, contextTokens: null }, [])).toBe(5120);
    expect(modelTokensFor({ ...size, inputTokens: 9000 }, FACTS, ['--max-model-len=10k'])).toBe(
      9216,
    );
  });

  it('refuses what has no room', () => {
    const longer = { ...size, inputTokens: 8192 };
    expect(() => modelTokensFor(longer, FACTS, [])).toThrow(/8193 tokens; the model has room for/);
    expect(modelTokensFor(longer, FACTS, ['--max-model-len', '9000'])).toBe(9000);
    expect(() => modelTokensFor(size, FACTS, ['--max-model-len', '4096'])).toThrow(
      /4097 tokens; --max-model-len of --vllm-args has room for 4096/,
    );
  });
});

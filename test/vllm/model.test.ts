// From what a user calls a model to its folder and the numbers that a run needs.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readModelFacts } from '../../src/vllm/model-facts.js';
import { findModel } from '../../src/vllm/model-folder.js';
import { TINY_CONFIG, writeModel } from './support/fake-vllm.js';

let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pega-model-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

const facts = (config: object) => readModelFacts(writeModel(folder, config));

describe('findModel', () => {
  it('takes a folder and calls it by its name', () => {
    expect(findModel(`${writeModel(folder)}/`, {})).toEqual({ folder, name: basename(folder) });
  });

  it('finds the snapshot of a repository that its main branch points to', () => {
    const repository = join(folder, 'hub', 'models--org--name');
    const snapshot = join(repository, 'snapshots', 'c2');
    mkdirSync(join(repository, 'snapshots', 'c1'), { recursive: true });
    mkdirSync(snapshot);
    mkdirSync(join(repository, 'refs'));
    writeFileSync(join(repository, 'refs', 'main'), 'c2\n');
    writeModel(snapshot);
    const found = { folder: snapshot, name: 'org/name' };
    expect(findModel('org/name', { HF_HOME: folder })).toEqual(found);
    expect(findModel('org/name', { HF_HUB_CACHE: join(folder, 'hub') })).toEqual(found);
    expect(() => findModel('org/other', { HF_HOME: folder })).toThrow(/--model: org\/other is ne/);
    expect(() => findModel('../name', { HF_HOME: folder })).toThrow(/neither a folder/);
  });
});

describe('readModelFacts', () => {
  it('reads vocabulary, context and KV of grouped heads', () => {
    expect(facts(TINY_CONFIG)).toEqual({
      vocabularySize: 4096,
      contextTokens: 8192,
      kvBytesPerToken: 4 * 2 * 2 * 64 * 2,
      hasWeights: false,
    });
    writeFileSync(join(folder, 'model.safetensors'), '');
    expect(readModelFacts(folder).hasWeights).toBe(true);
  });

  it.each<[string, object, number | null]>([
    ['heads of their own', { ...TINY_CONFIG, num_key_value_heads: null }, 4 * 2 * 4 * 64 * 2],
    ['no head_dim', { ...TINY_CONFIG, head_dim: undefined }, 4 * 2 * 2 * 64 * 2],
    ['float32', { ...TINY_CONFIG, dtype: undefined, torch_dtype: 'float32' }, 4 * 2 * 2 * 64 * 4],
    ['a latent', { ...TINY_CONFIG, kv_lora_rank: 512, qk_rope_head_dim: 64 }, 4 * 576 * 2],
    ['a nested language part', { text_config: TINY_CONFIG }, 4 * 2 * 2 * 64 * 2],
    ['too little', { vocab_size: 7 }, null],
  ])('counts the KV of a model with %s', (_, config, bytes) => {
    expect(facts(config).kvBytesPerToken).toBe(bytes);
  });

  it.each([{}, { vocab_size: 'many' }, []])('refuses %j', (config) => {
    expect(() => facts(config)).toThrow(/^--model: .*config\.json: /);
  });

  it('refuses what is no JSON', () => {
    writeFileSync(join(folder, 'config.json'), '{');
    expect(() => readModelFacts(folder)).toThrow(/config\.json: can't be read/);
  });
});

// The fake vLLM of fixtures/fake-vllm as tests use it: an environment that has it, a model folder.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { choosePython } from '../../../src/vllm/interpreter.js';
import type { VllmLaunch } from '../../../src/vllm/launch.js';

const FOLDER = fileURLToPath(new URL('../../../fixtures/fake-vllm', import.meta.url));

export const TINY_CONFIG = {
  model_type: 'llama',
  vocab_size: 4096,
  hidden_size: 256,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 64,
  max_position_embeddings: 8192,
  dtype: 'bfloat16',
};

/** Variables under which any python3 has the fake; without a vLLM of this machine. */
export function fakeVllm(faults = '', more: Record<string, string> = {}): Record<string, string> {
  return { PYTHONPATH: FOLDER, FAKE_VLLM: faults, PEGA_VLLM_PYTHON: '', ...more };
}

/** A model folder without weights. */
export function writeModel(folder: string, config: object = TINY_CONFIG): string {
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  return folder;
}

/** A launch of the fake, where its environment is this process's. */
export function fakeLaunch(folder: string, path?: string): VllmLaunch {
  const python = choosePython(undefined, process.env);
  const versions = { pythonVersion: '3', grpcioVersion: '1', protobufVersion: '7' };
  return {
    python: {
      ...python,
      ...versions,
      vllmVersion: '0.32.0',
      isCpuBuild: true,
      ...(path && { path }),
    },
    model: { folder, name: 'a-model' },
    hasWeights: true,
    maxModelTokens: null,
    kvBytes: 0,
    kvTransferConfig: null,
    extraArguments: [],
    temporaryFolder: folder,
  };
}

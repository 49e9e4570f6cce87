// The flags of every command that starts a vLLM.
import { Flags } from '@oclif/core';

/** @param only flags without which these mean nothing, or beside which they mean nothing. */
export function vllmFlags(only: { dependsOn?: string[]; exclusive?: string[] } = {}) {
  return {
    'vllm-python': Flags.string({
      helpValue: 'PATH',
      description:
        'the interpreter that has vLLM; default: PEGA_VLLM_PYTHON, then python3 on the path',
      ...only,
    }),
    'vllm-args': Flags.string({
      helpValue: '"…"',
      description: 'more arguments for vLLM, split as a shell does; they win over ours',
      ...only,
    }),
  };
}

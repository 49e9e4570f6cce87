// The flag of every command that looks into or changes a Python environment.
import { Flags } from '@oclif/core';

export function pythonFlag() {
  return Flags.string({
    helpValue: 'PATH',
    description:
      'the Python interpreter of your vLLM; default: PEGA_VLLM_PYTHON, then python3 on the path',
  });
}

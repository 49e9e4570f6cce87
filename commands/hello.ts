// `pega hello`: flags in, src/bench's sayHello, a few lines or JSON out.
import { Flags } from '@oclif/core';
import { PegaCommand } from '../cli/pega-command.js';
import { vllmFlags } from '../cli/vllm-flags.js';
import { type HelloResult, renderHello, sayHello } from '../src/bench/hello.js';
import { exitCodeOf } from '../src/bench/result.js';
import { progressTo } from '../src/progress.js';
import { parseExtraArguments } from '../src/vllm/extra-arguments.js';

export default class Hello extends PegaCommand {
  static override summary = 'See pega and vLLM work together: one prompt, cold and warm.';

  static override description = [
    "Starts a server and a vLLM with the connector, sends one prompt twice with vLLM's own prefix cache emptied in between, shows both times to first token, and stops both. Nothing is left behind.",
    'Without --model it makes a tiny one on the spot. Needs an interpreter that has vLLM 0.24 or newer; a start takes half a minute on a CPU, about two minutes on a GPU.',
    'Exit codes: 0 ok; 1 the answers differ or a request failed; 2 usage; 3 the tokens did not come from pega; 69 vLLM or the server did not start; 130 interrupted. --json changes none of them.',
  ].join('\n\n');

  static override examples = [
    { description: 'With a tiny model', command: '<%= config.bin %> <%= command.id %>' },
    {
      description: 'With a model of yours',
      command:
        '<%= config.bin %> <%= command.id %> --model /models/llama-3.1-8b --vllm-python /opt/vllm/bin/python',
    },
  ];

  static override enableJsonFlag = true;

  static override flags = {
    model: Flags.string({
      helpValue: 'PATH_OR_REPO',
      description: 'a model folder or a downloaded Hugging Face repository; default: a tiny model',
    }),
    'input-len': Flags.integer({
      helpValue: 'N',
      min: 1,
      max: 1_000_000,
      description: 'tokens of the prompt; default: 10000, or half of what the model has room for',
    }),
    ...vllmFlags(),
  };

  async run(): Promise<HelloResult> {
    const { flags } = await this.parse(Hello);
    const inputTokens = flags['input-len'];
    const python = flags['vllm-python'];
    const result = await sayHello({
      ...(flags.model === undefined ? {} : { model: flags.model }),
      ...(python === undefined ? {} : { python }),
      ...(inputTokens === undefined ? {} : { inputTokens }),
      extraArguments: parseExtraArguments(flags['vllm-args'] ?? ''),
      environment: process.env,
      signal: this.stopSignal,
      progress: progressTo(process.stderr),
    });
    this.log(renderHello(result));
    this.finishWith(exitCodeOf(result.problems));
    return result;
  }
}

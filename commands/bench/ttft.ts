// `pega bench ttft`: flags in, src/bench's benchTtft, table or JSON out.
import { Flags, type Interfaces } from '@oclif/core';
import { PegaCommand } from '../../cli/pega-command.js';
import { targetFlags } from '../../cli/target-flags.js';
import { vllmFlags } from '../../cli/vllm-flags.js';
import { renderTtft } from '../../src/bench/report.js';
import { exitCodeOf, type TtftResult } from '../../src/bench/result.js';
import {
  benchTtft,
  type TtftOptions,
  type UrlEngine,
  type VllmEngine,
} from '../../src/bench/ttft.js';
import { parseNamed } from '../../src/config/named-value.js';
import { choosePegaTarget } from '../../src/config/pega-target.js';
import { parsePoolSize } from '../../src/config/pool-size.js';
import { PegaError } from '../../src/errors.js';
import { progressTo } from '../../src/progress.js';
import { parseExtraArguments } from '../../src/vllm/extra-arguments.js';

const COUNT_MAX = 1_000_000;
const VOCABULARY_DEFAULT = 4096;

const SIZES = '[--num-prompts N] [--input-len N] [--output-len N] [--request-rate R] [--seed N]';

export default class BenchTtft extends PegaCommand {
  static override summary = 'Measure time to first token: cold, from HBM, from the host pool.';

  static override description = [
    "Sends the same prompts three times: cold, again while the engine's own prefix cache has them (hbm), and again after that cache was reset, so that the bytes come from pega (host). The engine's counters prove each phase.",
    'With --model and no --url, a server and a vLLM with the connector are started for the run and stopped after it; with neither, a server and the reference worker. Nothing of them is left behind but the log of a vLLM that failed.',
    "Exit codes: 0 ok; 1 an answer was not token-identical or a request failed; 2 usage; 3 a phase was not what it claims; 69 the engine or the server can't be reached; 130 interrupted. --json changes none of them.",
  ].join('\n\n');

  static override examples = [
    { description: 'On any machine', command: '<%= config.bin %> <%= command.id %>' },
    {
      description: 'A vLLM that is started for the run',
      command:
        '<%= config.bin %> <%= command.id %> --model /models/llama-3.1-8b --num-prompts 10 --input-len 4096 --output-len 1 --request-rate 1.0',
    },
    {
      description: 'A vLLM with the pega connector, started with VLLM_SERVER_DEV_MODE=1',
      command:
        '<%= config.bin %> <%= command.id %> --url http://127.0.0.1:8000 --input-len 10000 --json',
    },
  ];

  // oclif's own line would show no flags where one excludes another.
  static override usage = [
    `<%= command.id %> [--server-pool-size SIZE] ${SIZES} [--json]`,
    `<%= command.id %> --model PATH_OR_REPO [--vllm-python PATH] [--vllm-args "…"] [--server-pool-size SIZE] ${SIZES} [--json]`,
    `<%= command.id %> --url URL [--model NAME] [--vocab-size N] [--socket PATH | --addr HOST:PORT] ${SIZES} [--json]`,
  ];

  static override enableJsonFlag = true;

  static override flags = {
    'num-prompts': Flags.integer({
      default: 8,
      helpValue: 'N',
      min: 1,
      max: COUNT_MAX,
      description: 'prompts of a phase',
    }),
    'input-len': Flags.integer({
      default: 2048,
      helpValue: 'N',
      min: 1,
      max: COUNT_MAX,
      description: 'tokens of a prompt',
    }),
    'output-len': Flags.integer({
      default: 8,
      helpValue: 'N',
      min: 1,
      max: COUNT_MAX,
      description: 'tokens of an answer; they are what answers are compared by',
    }),
    'request-rate': Flags.string({
      default: '4',
      helpValue: 'R',
      description: 'requests per second, Poisson by seed; inf sends all at once',
    }),
    seed: Flags.integer({
      helpValue: 'N',
      min: 0,
      description: 'of prompts and arrivals; default 0, with --url a new one each time',
    }),
    url: Flags.string({
      helpValue: 'URL',
      description: 'an OpenAI-compatible engine, e.g. http://127.0.0.1:8000',
    }),
    model: Flags.string({
      helpValue: 'PATH_OR_REPO|NAME',
      description:
        'a model folder or a downloaded Hugging Face repository: vLLM is started with it; with --url the name of a model there, default the first of /v1/models',
    }),
    ...vllmFlags({ dependsOn: ['model'], exclusive: ['url'] }),
    'vocab-size': Flags.integer({
      helpValue: 'N',
      dependsOn: ['url'],
      min: 2,
      max: 2 ** 31 - 1,
      description: `token ids are drawn below it; default ${VOCABULARY_DEFAULT}`,
    }),
    'server-pool-size': Flags.string({
      exclusive: ['url'],
      helpValue: 'SIZE',
      description: 'pool of the server that is started, e.g. 2gb; default: to fit the prompts',
    }),
    ...targetFlags({ dependsOn: ['url'] }),
  };

  async run(): Promise<TtftResult> {
    const { flags } = await this.parse(BenchTtft);
    const result = await benchTtft({
      promptCount: flags['num-prompts'],
      inputTokens: flags['input-len'],
      outputTokens: flags['output-len'],
      requestRate: parseRate(flags['request-rate']),
      ...(flags.seed === undefined ? {} : { seed: flags.seed }),
      engine: chooseEngine(flags),
      signal: this.stopSignal,
      progress: progressTo(process.stderr),
    });
    this.log(renderTtft(result));
    this.finishWith(exitCodeOf(result.problems));
    return result;
  }
}

type TtftFlags = Interfaces.InferredFlags<typeof BenchTtft.flags>;

function chooseEngine(flags: TtftFlags): TtftOptions['engine'] {
  if (flags.url !== undefined) {
    return engineAt(flags.url, flags);
  }
  const size = flags['server-pool-size'];
  const pool =
    size === undefined ? {} : { poolBytes: parseNamed('--server-pool-size', size, parsePoolSize) };
  return flags.model === undefined
    ? { kind: 'embedded', ...pool }
    : { ...ownVllm(flags.model, flags), ...pool };
}

function ownVllm(model: string, flags: TtftFlags): VllmEngine {
  const python = flags['vllm-python'];
  return {
    kind: 'vllm',
    model,
    ...(python === undefined ? {} : { python }),
    extraArguments: parseExtraArguments(flags['vllm-args'] ?? ''),
    environment: process.env,
  };
}

function engineAt(url: string, flags: TtftFlags): UrlEngine {
  const chosen = choosePegaTarget(flags, process.env);
  return {
    kind: 'url',
    url,
    ...(flags.model === undefined ? {} : { model: flags.model }),
    vocabularySize: flags['vocab-size'] ?? VOCABULARY_DEFAULT,
    pega: chosen.target,
    pegaIsRequired: chosen.named,
  };
}

function parseRate(text: string): number {
  const rate = text === 'inf' ? Infinity : Number(text);
  if (!(rate > 0) || (rate === Infinity && text !== 'inf') || text.trim() === '') {
    throw new PegaError(
      'PEGA_INVALID_ARGUMENT',
      `--request-rate "${text}" is no rate; required is a number above 0, or inf`,
      { suggestions: ['write it like 4, 0.5 or inf'] },
    );
  }
  return rate;
}

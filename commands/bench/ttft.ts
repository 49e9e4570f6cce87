// `pega bench ttft`: flags in, src/bench's benchTtft, table or JSON out.
import { Flags } from '@oclif/core';
import { PegaCommand } from '../../cli/pega-command.js';
import { TARGET_FLAGS } from '../../cli/target-flags.js';
import { progressTo } from '../../src/bench/progress.js';
import { renderTtft } from '../../src/bench/report.js';
import { exitCodeOf, type TtftResult } from '../../src/bench/result.js';
import { benchTtft, type TtftOptions } from '../../src/bench/ttft.js';
import { choosePegaTarget } from '../../src/config/pega-target.js';
import { PegaError } from '../../src/errors.js';
import { parseBytes } from '../../src/units.js';

const COUNT_MAX = 1_000_000;

export default class BenchTtft extends PegaCommand {
  static override summary = 'Measure time to first token: cold, from HBM, from the host pool.';

  static override description = [
    "Sends the same prompts three times: cold, again while the engine's own prefix cache has them (hbm), and again after that cache was reset, so that the bytes come from pega (host). The engine's counters prove each phase.",
    'Without --url a server and the reference worker are started for the run and removed after it.',
    "Exit codes: 0 ok; 1 an answer was not token-identical or a request failed; 2 usage; 3 a phase was not what it claims; 69 the engine or the server can't be reached; 130 interrupted. --json changes none of them.",
  ].join('\n\n');

  static override examples = [
    { description: 'On any machine', command: '<%= config.bin %> <%= command.id %>' },
    {
      description: 'A vLLM with the pega connector, started with VLLM_SERVER_DEV_MODE=1',
      command:
        '<%= config.bin %> <%= command.id %> --url http://127.0.0.1:8000 --input-len 10000 --json',
    },
  ];

  static override enableJsonFlag = true;

  static override flags = {
    'num-prompts': Flags.integer({
      default: 8,
      min: 1,
      max: COUNT_MAX,
      description: 'prompts of a phase',
    }),
    'input-len': Flags.integer({
      default: 2048,
      min: 1,
      max: COUNT_MAX,
      description: 'tokens of a prompt',
    }),
    'output-len': Flags.integer({
      default: 8,
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
      min: 0,
      description: 'of prompts and arrivals; default 0, with --url a new one each time',
    }),
    url: Flags.string({ description: 'an OpenAI-compatible engine, e.g. http://127.0.0.1:8000' }),
    model: Flags.string({ dependsOn: ['url'], description: 'default: the first of /v1/models' }),
    'vocab-size': Flags.integer({
      dependsOn: ['url'],
      min: 2,
      max: 2 ** 31 - 1,
      description: 'token ids are drawn below it; default 4096',
    }),
    'server-pool-size': Flags.string({
      exclusive: ['url'],
      helpValue: 'SIZE',
      description: 'pool of the server that is started, e.g. 2gb; default: to fit the prompts',
    }),
    ...TARGET_FLAGS,
  };

  async run(): Promise<TtftResult> {
    const { flags } = await this.parse(BenchTtft);
    const chosen = choosePegaTarget(flags, process.env);
    const poolSize = flags['server-pool-size'];
    const engine: TtftOptions['engine'] =
      flags.url === undefined
        ? {
            kind: 'embedded',
            ...(poolSize === undefined ? {} : { poolBytes: parseBytes(poolSize) }),
          }
        : {
            kind: 'url',
            url: flags.url,
            ...(flags.model === undefined ? {} : { model: flags.model }),
            vocabularySize: flags['vocab-size'] ?? 4096,
            pega: chosen.target,
            pegaIsRequired: chosen.named,
          };
    const result = await benchTtft({
      promptCount: flags['num-prompts'],
      inputTokens: flags['input-len'],
      outputTokens: flags['output-len'],
      requestRate: parseRate(flags['request-rate']),
      ...(flags.seed === undefined ? {} : { seed: flags.seed }),
      engine,
      signal: this.stopSignal,
      progress: progressTo(process.stderr),
    });
    this.log(renderTtft(result));
    this.finishWith(exitCodeOf(result.problems));
    return result;
  }
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

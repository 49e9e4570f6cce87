// `pega reference`: flags in, src/reference's worker, ready line out.
import { Flags, type Interfaces } from '@oclif/core';
import { PegaCommand } from '../cli/pega-command.js';
import { targetOfFlags } from '../src/config/pega-target.js';
import { createLogger, LOG_LEVELS, type LogLevel } from '../src/log.js';
import { WORKER_DEFAULTS, type WorkerOptions } from '../src/reference/options.js';
import { startReferenceWorker } from '../src/reference/worker.js';

const COUNT_MAX = 2 ** 31 - 1;

function count(fallback: number, description: string, min = 1) {
  return Flags.integer({ helpValue: 'N', default: fallback, min, max: COUNT_MAX, description });
}

export default class Reference extends PegaCommand {
  static override summary =
    'Run the reference worker: a small LLM server on the CPU, for tests and demos.';

  static override description = [
    'A seeded Llama-style transformer behind an OpenAI-style /v1/completions (prompts are token ids), with paged KV, prefix caching, chunked prefill and greedy decoding. With --socket or --addr it keeps its KV in that pega server; it goes on without the server while that is away. Its speed says nothing about any GPU.',
    'Prints one line, "ready url=… pid=…", when it serves. SIGTERM and SIGINT end it with exit code 0.',
    'Exit codes: 0 stopped; 2 usage; 69 the address is taken or the addon is missing.',
  ].join('\n\n');

  static override examples = [
    { description: 'Alone, on a free port', command: '<%= config.bin %> <%= command.id %>' },
    {
      description: 'With a server',
      command: '<%= config.bin %> <%= command.id %> --addr 127.0.0.1:50055 --port 8000',
    },
  ];

  static override flags = {
    socket: Flags.string({
      helpValue: 'PATH',
      description: 'Unix socket of the server; without it and --addr the worker runs alone',
      exclusive: ['addr'],
    }),
    addr: Flags.string({ helpValue: 'HOST:PORT', description: 'address of the server' }),
    host: Flags.string({
      helpValue: 'HOST',
      default: WORKER_DEFAULTS.host,
      description: 'where to listen',
    }),
    port: Flags.integer({
      helpValue: 'N',
      default: WORKER_DEFAULTS.port,
      min: 0,
      max: 65_535,
      description: '0 takes a free one',
    }),
    model: Flags.string({
      helpValue: 'NAME',
      default: WORKER_DEFAULTS.model,
      description: 'its name in the API',
    }),
    layers: count(WORKER_DEFAULTS.shape.layers, 'transformer layers'),
    heads: count(WORKER_DEFAULTS.shape.heads, 'attention heads, a multiple of --kv-heads'),
    'kv-heads': count(WORKER_DEFAULTS.shape.kvHeads, 'key and value heads'),
    'head-dim': count(WORKER_DEFAULTS.shape.headDim, 'dimensions of a head, even'),
    ffn: count(WORKER_DEFAULTS.shape.ffn, 'dimensions of the feed-forward part'),
    vocab: count(WORKER_DEFAULTS.shape.vocab, 'tokens of the vocabulary'),
    'block-tokens': count(WORKER_DEFAULTS.shape.blockTokens, 'tokens of a KV block'),
    context: count(WORKER_DEFAULTS.shape.context, 'most tokens of prompt and answer'),
    blocks: count(WORKER_DEFAULTS.blocks, 'KV blocks of the worker'),
    seed: count(WORKER_DEFAULTS.seed, 'of the weights', 0),
    threads: count(WORKER_DEFAULTS.threads, '0 is one for each core', 0),
    'chunk-tokens': count(WORKER_DEFAULTS.chunkTokens, 'most tokens of one step'),
    'max-running': count(WORKER_DEFAULTS.maxRunning, 'most requests at a time'),
    'query-deadline-ms': count(
      WORKER_DEFAULTS.queryDeadlineMs,
      'a server that answers later has missed',
    ),
    'log-level': Flags.string({
      helpValue: 'LEVEL',
      default: 'info',
      options: LOG_LEVELS,
      description: 'of stderr',
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Reference);
    const stop = this.stopSignal;
    const logger = createLogger({ name: 'reference', level: flags['log-level'] as LogLevel });
    const worker = await startReferenceWorker(optionsOf(flags), this.config.version, logger);
    process.stdout.write(`ready url=${worker.url} pid=${process.pid}\n`);
    if (!stop.aborted) {
      await new Promise((resolve) => {
        stop.addEventListener('abort', resolve, { once: true });
      });
    }
    await worker.stop();
  }
}

type ReferenceFlags = Interfaces.InferredFlags<typeof Reference.flags>;

function optionsOf(flags: ReferenceFlags): WorkerOptions {
  const target = targetOfFlags(flags);
  return {
    ...(target === undefined ? {} : { target }),
    host: flags.host,
    port: flags.port,
    model: flags.model,
    shape: {
      layers: flags.layers,
      heads: flags.heads,
      kvHeads: flags['kv-heads'],
      headDim: flags['head-dim'],
      ffn: flags.ffn,
      vocab: flags.vocab,
      blockTokens: flags['block-tokens'],
      context: flags.context,
    },
    seed: flags.seed,
    blocks: flags.blocks,
    threads: flags.threads,
    chunkTokens: flags['chunk-tokens'],
    maxRunning: flags['max-running'],
    queryDeadlineMs: flags['query-deadline-ms'],
  };
}

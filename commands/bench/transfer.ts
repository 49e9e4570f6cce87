// `pega bench transfer`: flags in, src/bench/transfer's benchTransfer, table, JSON or page out.
import { Flags, type Interfaces } from '@oclif/core';
import { PegaCommand } from '../../cli/pega-command.js';
import {
  parseCounts,
  parseGpus,
  parseOrders,
  parseSegments,
  parseSize,
  parseWords,
} from '../../src/bench/transfer/options.js';
import { renderPage } from '../../src/bench/transfer/page.js';
import { exitCodeOf, type TransferResult } from '../../src/bench/transfer/result.js';
import { DIRECTIONS, KINDS, type Matrix, PLANS } from '../../src/bench/transfer/scenarios.js';
import { renderTransfer } from '../../src/bench/transfer/table.js';
import { benchTransfer } from '../../src/bench/transfer/transfer.js';
import { requireWritable, writeWhole } from '../../src/bench/transfer/whole-file.js';
import { parseNamed } from '../../src/config/named-value.js';
import { LIMITS } from '../../src/limits.js';
import { progressTo } from '../../src/progress.js';

const SLOTS_MAX = 131_072;
const REPEATS_MAX = 1000;
const PRODUCT_STEP = 128;

/** What is measured unless told: all that matters, or what matters most. */
const WHOLE = {
  segments: '8kib,64kib,2mib',
  orders: 'run/run,shuffled/run,runs16/runs16,shuffled/shuffled',
  repeats: 5,
  latencyCount: 500,
};
const QUICK = {
  segments: '64kib',
  orders: 'shuffled/run,runs16/runs16,shuffled/shuffled',
  repeats: 3,
  latencyCount: 200,
};

export default class BenchTransfer extends PegaCommand {
  static override summary = 'Measure copies between a GPU and slots of the host, as KV caches are.';

  static override description = [
    "Measures the path of a worker: transfer engine, CUDA device, slab files registered with the driver. Slabs, and a KV cache on the GPU, are the command's own and go with it; no server is needed. Every combination of the lists is a scenario; before each of its repeats a long copy is measured, and the repeat is told as a share of that. Beside copies alone it measures both directions at once, jobs of one block, and how much a matrix product on the same GPU is slowed.",
    'Orders are those of neighbouring tokens’ blocks on the GPU and of their slots on the host: run (all neighbours), runs16 (runs of 16), shuffled. A job has at most 2 GiB: for large pieces it has fewer slots than were asked for. Take nothing else to the GPU meanwhile.',
    'Exit codes: 0 ok; 1 wrong bytes, or a scenario that could not be measured; 2 usage; 69 no GPU, no driver or no memory; 130 interrupted. --json changes none of them.',
  ].join('\n\n');

  static override examples = [
    { description: 'All of it, under two minutes', command: '<%= config.bin %> <%= command.id %>' },
    {
      description: 'What matters most, with a page to look at',
      command: '<%= config.bin %> <%= command.id %> --quick --report transfer.html',
    },
    {
      description: 'One layout, all ways to copy it',
      command:
        '<%= config.bin %> <%= command.id %> --segment-bytes 32kib --layers 80 --plan auto,direct,staged --kind sync,async --output transfer.json',
    },
  ];

  static override enableJsonFlag = true;

  static override flags = {
    gpu: Flags.string({
      default: 'all',
      helpValue: 'N,…|all',
      description: 'GPUs, as CUDA numbers them; one after the other',
    }),
    quick: Flags.boolean({
      description: `other defaults: ${QUICK.segments}, ${QUICK.orders}, ${QUICK.repeats} repeats`,
    }),
    direction: Flags.string({
      default: DIRECTIONS.join(','),
      helpValue: 'D,…',
      description: 'load (to the GPU), store, both (at once)',
    }),
    kind: Flags.string({
      default: 'sync',
      helpValue: 'K,…',
      description: 'of loads: sync (as much given to the driver as there is), async',
    }),
    'segment-bytes': Flags.string({
      helpValue: 'SIZE,…',
      description: `one block in one layer; default ${WHOLE.segments}`,
    }),
    layers: Flags.string({ default: '32', helpValue: 'N,…', description: 'of the model' }),
    slots: Flags.string({
      default: '625',
      helpValue: 'N,…',
      description: 'blocks of a job: 625 are 10,000 tokens in blocks of 16',
    }),
    order: Flags.string({
      helpValue: 'GPU/HOST,…',
      description: `run, runs16 or shuffled on each side; default ${WHOLE.orders}`,
    }),
    plan: Flags.string({
      default: 'auto',
      helpValue: 'P,…',
      description: 'auto (as a worker chooses), direct, staged',
    }),
    'layers-per-group': Flags.integer({
      default: 4,
      helpValue: 'N',
      min: 0,
      max: LIMITS.layersMax,
      description:
        'of loads, each with an end of its own; sync: more where else there were over 500 driver calls; 0: all in one',
    }),
    beside: Flags.boolean({
      default: true,
      allowNo: true,
      description: 'each load and store once more beside a matrix product',
    }),
    verify: Flags.boolean({
      default: true,
      allowNo: true,
      description: 'clear, read back and compare every block, outside of what is timed',
    }),
    repeats: Flags.integer({
      helpValue: 'N',
      min: 1,
      max: REPEATS_MAX,
      description: `of each scenario; default ${WHOLE.repeats}`,
    }),
    seed: Flags.integer({
      default: 1,
      helpValue: 'N',
      min: 0,
      max: 2 ** 31 - 1,
      description: 'of orders and bytes',
    }),
    'pool-dir': Flags.string({
      default: '/dev/shm',
      helpValue: 'FOLDER',
      description: 'a tmpfs folder, as of pega serve',
    }),
    'slab-dir': Flags.string({
      helpValue: 'FOLDER',
      description: 'a tmpfs or hugetlbfs folder for the slabs; default: the --pool-dir',
    }),
    'slab-size': Flags.string({
      default: '256mb',
      helpValue: 'SIZE',
      description: 'of one slab; at least one slot',
    }),
    'link-size': Flags.string({
      default: '512mb',
      helpValue: 'SIZE',
      description: 'memory of the long copies',
    }),
    'product-size': Flags.integer({
      default: 4096,
      helpValue: 'N',
      min: PRODUCT_STEP,
      max: 16_384,
      description: `rows and columns of the matrix product, a multiple of ${PRODUCT_STEP}`,
    }),
    output: Flags.string({
      helpValue: 'FILE',
      description: 'write the result there, as --json prints it',
    }),
    report: Flags.string({
      helpValue: 'FILE',
      description: 'write a page with charts there; it needs no network',
    }),
  };

  async run(): Promise<TransferResult> {
    const { flags } = await this.parse(BenchTransfer);
    const { output, report } = flags;
    const slabDir = flags['slab-dir'];
    const gpus = parseGpus('--gpu', flags.gpu);
    const matrix = matrixOf(flags);
    for (const [flag, path] of [['--output', output] as const, ['--report', report] as const]) {
      if (path !== undefined) {
        requireWritable(flag, path);
      }
    }
    const result = await benchTransfer({
      matrix,
      ...(gpus === undefined ? {} : { gpus }),
      poolDir: flags['pool-dir'],
      ...(slabDir === undefined ? {} : { slabDir }),
      slabBytes: parseNamed('--slab-size', flags['slab-size'], parseSize),
      linkBytes: parseNamed('--link-size', flags['link-size'], parseSize),
      productSize: flags['product-size'],
      latencyCount: (flags.quick ? QUICK : WHOLE).latencyCount,
      command: commandOf(this.argv),
      signal: this.stopSignal,
      progress: progressTo(process.stderr),
    });
    if (output !== undefined) {
      writeWhole('--output', output, `${JSON.stringify(result, null, 2)}\n`);
    }
    if (report !== undefined) {
      writeWhole('--report', report, renderPage(result));
    }
    this.log(renderTransfer(result));
    this.finishWith(exitCodeOf(result.problems));
    return result;
  }
}

type TransferFlags = Interfaces.InferredFlags<typeof BenchTransfer.flags>;

function matrixOf(flags: TransferFlags): Matrix {
  const defaults = flags.quick ? QUICK : WHOLE;
  return {
    directions: parseWords('--direction', flags.direction, DIRECTIONS),
    kinds: parseWords('--kind', flags.kind, KINDS),
    segmentBytes: parseSegments('--segment-bytes', flags['segment-bytes'] ?? defaults.segments),
    layers: parseCounts('--layers', flags.layers, LIMITS.layersMax),
    slots: parseCounts('--slots', flags.slots, SLOTS_MAX),
    orders: parseOrders('--order', flags.order ?? defaults.orders),
    plans: parseWords('--plan', flags.plan, PLANS),
    besideProduct: flags.beside,
    layersPerGroup: flags['layers-per-group'],
    repeats: flags.repeats ?? defaults.repeats,
    seed: flags.seed,
    verify: flags.verify,
  };
}

/** What measures the same: without where this machine keeps its files. */
function commandOf(argv: readonly string[]): string {
  const PLACES = /^--(output|report|pool-dir|slab-dir|json)(=|$)/;
  const words = argv.filter((word, i) => {
    const before = argv[i - 1] ?? '';
    const isValue = PLACES.test(before) && !before.includes('=') && before !== '--json';
    return !PLACES.test(word) && !isValue;
  });
  return ['pega bench transfer', ...words].join(' ');
}

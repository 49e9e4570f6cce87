// `pega doctor`: flags in, src/doctor's examineHost, report or JSON out.
import { Flags } from '@oclif/core';
import { PegaCommand } from '../cli/pega-command.js';
import { targetFlags } from '../cli/target-flags.js';
import { parseNamed } from '../src/config/named-value.js';
import { choosePegaTarget } from '../src/config/pega-target.js';
import { parsePoolSize } from '../src/config/pool-size.js';
import { examineHost } from '../src/doctor/doctor.js';
import { MODEL_SHAPES } from '../src/doctor/expected-ttft.js';
import { renderReport } from '../src/doctor/render.js';
import { type DoctorView, viewOf } from '../src/doctor/report.js';
import { EXIT } from '../src/errors.js';
import { progressTo } from '../src/progress.js';

const MODELS = MODEL_SHAPES.map(({ name }) => name);
const POOL_SIZE = '30gb';

export default class Doctor extends PegaCommand {
  static override summary = 'Say whether this host is fit for pega, what it lacks and what to do.';

  static override description = [
    'Looks at the CUDA driver and the GPUs with their PCIe links, at shared memory and its limits, at the place of a running server, and copies blocks through a slab between two processes on each GPU (without a GPU: on the host device). From the measured rate it says how long loads of some models take. It changes nothing; --calibrate writes the calibration that workers would write.',
    'A host without a GPU is fit for engines on the CPU: a note, and with --gpu a problem.',
    'Exit codes: 0 no problem; 1 a problem was found; 2 usage; 69 the addon is missing, or the folder; 130 interrupted. --json changes none of them.',
  ].join('\n\n');

  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    {
      description: 'As an engine in this container sees a running server',
      command: '<%= config.bin %> <%= command.id %> --socket /run/pega/pega.sock --gpu',
    },
    {
      description: 'What copies cost on each GPU, measured afresh',
      command: '<%= config.bin %> <%= command.id %> --calibrate --json',
    },
  ];

  static override enableJsonFlag = true;

  static override flags = {
    calibrate: Flags.boolean({
      description: 'measure what copies cost on each GPU, show it and keep it for workers',
    }),
    gpu: Flags.boolean({ description: 'a host without a usable GPU has a problem' }),
    ...targetFlags(),
    'pool-dir': Flags.string({
      helpValue: 'DIR',
      default: '/dev/shm',
      description: 'as for pega serve: the folder for the pool',
    }),
    'slab-dir': Flags.string({
      helpValue: 'DIR',
      description: 'as for pega serve: a tmpfs or hugetlbfs folder for the slabs alone',
    }),
    'pool-size': Flags.string({
      helpValue: 'SIZE',
      description: `a pool that must fit; without it one of ${POOL_SIZE} is compared`,
    }),
    'model-shape': Flags.string({
      helpValue: 'NAME,…',
      options: MODELS,
      multiple: true,
      delimiter: ',',
      default: MODELS,
      description: 'models to say the time of a load for',
    }),
    'kv-bytes-per-token': Flags.integer({
      helpValue: 'N',
      min: 1,
      description: 'the same for another model, of one rank',
    }),
  };

  async run(): Promise<DoctorView> {
    const { flags } = await this.parse(Doctor);
    const { target, named } = choosePegaTarget(flags, process.env);
    const progress = progressTo(process.stderr);
    const report = await examineHost({
      poolDir: flags['pool-dir'],
      slabDir: flags['slab-dir'],
      poolBytes: parseNamed('--pool-size', flags['pool-size'] ?? POOL_SIZE, parsePoolSize),
      poolBytesNamed: flags['pool-size'] !== undefined,
      target,
      targetNamed: named,
      gpuRequired: flags.gpu,
      calibrate: flags.calibrate,
      models: flags['model-shape'],
      kvBytesPerToken: flags['kv-bytes-per-token'],
      environment: process.env,
      signal: this.stopSignal,
      step: (text) => progress.wait(text).end,
    }).finally(() => progress.close());
    this.log(renderReport(report, process.stdout.columns));
    this.finishWith(report.fit ? EXIT.ok : EXIT.checkFailed);
    return viewOf(report);
  }
}

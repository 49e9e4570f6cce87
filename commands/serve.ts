// `pega serve`: flags in, one running server, one ready line out; a signal stops it orderly.
import { Flags } from '@oclif/core';
import { PegaCommand } from '../cli/pega-command.js';
import { resolveServeConfig } from '../src/config/serve-config.js';
import { createLogger } from '../src/log.js';
import { readyLine } from '../src/server/ready-line.js';
import { startServer } from '../src/server/server.js';
import { warnOfDevices } from '../src/server/warnings.js';

export default class Serve extends PegaCommand {
  static override summary = "Keep one host's pool of KV cache blocks and serve it to its engines.";

  static override description = [
    'Takes memory for the pool, serves from its first slab on, and prints one line when it does: ready grpc=HOST:PORT socket=PATH http=HOST:PORT pid=N boot=N pages=4k|huge-shmem|hugetlb. Logs and progress go to stderr.',
    'Each option can also come from a variable (--pool-size: PEGA_POOL_SIZE) or from the YAML file that --config or PEGA_CONFIG names; flags win over variables over the file.',
    'Exit codes: 0 stopped by SIGTERM or SIGINT; 2 usage or configuration; 69 an address or the pool is in use, or there is no room for it.',
  ].join('\n\n');

  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --device cpu --pool-size 2gb',
    '<%= config.bin %> <%= command.id %> --config /etc/pega.yaml --log-level debug',
  ];

  static override flags = {
    addr: Flags.string({
      helpValue: 'HOST:PORT',
      description: 'where gRPC listens; default 127.0.0.1:50055, port 0 takes a free one',
    }),
    socket: Flags.string({
      helpValue: 'PATH',
      description:
        'the Unix socket for gRPC; default: in your runtime folder, or in /tmp/pega-UID where there is none',
    }),
    group: Flags.string({
      helpValue: 'NAME',
      description: 'a group whose members may use the socket and the pool too',
    }),
    device: Flags.string({
      helpValue: '0,1|cpu',
      description: 'the GPUs that this server is for, or cpu; default 0',
    }),
    'pool-size': Flags.string({
      helpValue: 'SIZE',
      description: 'memory of the pool, like 10gb, 500mb, 1.5tb (gb is 1024³); default 30gb',
    }),
    'pool-dir': Flags.string({
      helpValue: 'FOLDER',
      description: "a tmpfs folder for the pool's files; default /dev/shm",
    }),
    'slab-dir': Flags.string({
      helpValue: 'FOLDER',
      description: 'a tmpfs or hugetlbfs folder for the slabs alone; default: the --pool-dir',
    }),
    'huge-pages': Flags.string({
      helpValue: 'auto|off|require',
      description:
        'huge pages for the slabs where their tmpfs gives them; require: no start without; default auto',
    }),
    'numa-node': Flags.string({
      helpValue: 'auto|off|N',
      description: "the NUMA node that the slabs' memory comes from; default auto: the GPUs' node",
    }),
    'http-addr': Flags.string({
      helpValue: 'HOST:PORT',
      description: 'where /metrics, /healthz and /readyz are; default 127.0.0.1:9091',
    }),
    'log-level': Flags.string({
      helpValue: 'LEVEL',
      description: 'trace, debug, info, warn, error or silent; default info',
    }),
    config: Flags.string({
      helpValue: 'FILE',
      description: 'a YAML file with any of the other options, named without --',
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Serve);
    const { config: file, ...given } = flags;
    const config = resolveServeConfig({ flags: given, environment: process.env, file });
    const log = createLogger({ name: 'pega serve', level: config.logLevel });
    warnOfDevices(config, process.env, log);
    const { stopSignal } = this;
    const options = { config, log, environment: process.env, signal: stopSignal };
    const server = await startServer(options).catch((failure: unknown) => {
      if (failure === stopSignal.reason) {
        return undefined; // stopped while the pool was filling: an orderly end too
      }
      throw failure;
    });
    if (server !== undefined) {
      process.stdout.write(readyLine(server));
      await server.runUntil(stopSignal);
    }
  }
}

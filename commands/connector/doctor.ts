// `pega connector doctor`: flags in, src/connector's examine, table or JSON out.
import { Flags } from '@oclif/core';
import { PegaCommand } from '../../cli/pega-command.js';
import { pythonFlag } from '../../cli/python-flag.js';
import { targetFlags } from '../../cli/target-flags.js';
import { choosePegaTarget } from '../../src/config/pega-target.js';
import { type DoctorView, examine, renderDoctor } from '../../src/connector/doctor.js';
import { EXIT } from '../../src/errors.js';

export default class ConnectorDoctor extends PegaCommand {
  static override summary = 'Say what is wrong with a Python environment or a running vLLM.';

  static override description = [
    'An interpreter: versions of Python, vLLM, grpcio and protobuf, the connector, its native library, the import that vLLM will do.',
    'A running vLLM (--url): whether it answers, its version, whether the connector is in use and connected, and whether the pega server knows the engine. It is asked, not changed.',
    'Exit codes: 0 nothing is wrong; 1 something is; 2 usage; 130 interrupted. --json changes none of them.',
  ].join('\n\n');

  static override examples = [
    '<%= config.bin %> <%= command.id %> --python /opt/vllm/bin/python',
    {
      description: 'A vLLM that runs, and the server that it should use',
      command:
        '<%= config.bin %> <%= command.id %> --url http://127.0.0.1:8000 --socket /run/pega/pega.sock',
    },
  ];

  static override enableJsonFlag = true;

  static override flags = {
    python: pythonFlag(),
    url: Flags.string({
      helpValue: 'URL',
      description: 'a running vLLM, e.g. http://127.0.0.1:8000',
    }),
    ...targetFlags({ dependsOn: ['url'] }),
  };

  async run(): Promise<DoctorView> {
    const { flags } = await this.parse(ConnectorDoctor);
    const view = await examine({
      python: flags.python,
      url: flags.url,
      target: choosePegaTarget(flags, process.env).target,
      environment: process.env,
      signal: this.stopSignal,
    });
    this.log(renderDoctor(view));
    this.finishWith(view.well ? EXIT.ok : EXIT.checkFailed);
    return view;
  }
}

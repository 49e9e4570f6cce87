// `pega connector install`: flags in, src/connector's installConnector, table or JSON out.
import { PegaCommand } from '../../cli/pega-command.js';
import { pythonFlag } from '../../cli/python-flag.js';
import { type InstallView, installConnector, renderInstall } from '../../src/connector/install.js';
import { EXIT } from '../../src/errors.js';
import { anyProblem } from '../../src/findings/finding.js';

export default class ConnectorInstall extends PegaCommand {
  static override summary = 'Put the vLLM connector into a Python environment and check it.';

  static override description = [
    'Installs the bundled package (pega-connector, import name pegaflow) with the pip of that environment; where it has none, with uv or by itself. Downloads nothing, installs no dependencies.',
    'Refuses, with nothing changed: a vLLM that is too old, an environment that cannot be written or belongs to the system (PEP 668), another distribution with the import name pegaflow.',
    'Exit codes: 0 ok; 1 refused, or something is wrong afterwards; 2 usage; 69 this package has no wheel; 130 interrupted. --json changes none of them.',
  ].join('\n\n');

  static override examples = [
    {
      description: 'Into the environment of your vLLM',
      command: '<%= config.bin %> <%= command.id %> --python /opt/vllm/bin/python',
    },
    {
      description: 'Into the environment that is active',
      command: '<%= config.bin %> <%= command.id %>',
    },
  ];

  static override enableJsonFlag = true;

  static override flags = { python: pythonFlag() };

  async run(): Promise<InstallView> {
    const { flags } = await this.parse(ConnectorInstall);
    const view = await installConnector({
      python: flags.python,
      environment: process.env,
      signal: this.stopSignal,
    });
    this.log(renderInstall(view));
    this.finishWith(anyProblem(view.findings) ? EXIT.checkFailed : EXIT.ok);
    return view;
  }
}

// `pega connector config`: flags in, src/connector's connectorConfig, one line or JSON out.
import { PegaCommand } from '../../cli/pega-command.js';
import { targetFlags } from '../../cli/target-flags.js';
import { choosePegaTarget } from '../../src/config/pega-target.js';
import { type ConfigView, connectorConfig, renderConfig } from '../../src/connector/config.js';

export default class ConnectorConfig extends PegaCommand {
  static override summary = 'Print the flag that connects a vLLM to the running server.';

  static override description =
    'The server has to answer. What is printed is one line, quoted for a shell.\n\nExit codes: 0 ok; 2 usage; 69 no server can be reached. --json changes none of them.';

  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    {
      description: 'Start vLLM with it',
      command: 'eval vllm serve MODEL "$(<%= config.bin %> <%= command.id %>)"',
    },
    {
      description: 'The value alone',
      command: '<%= config.bin %> <%= command.id %> --json | jq -c .kv_transfer_config',
    },
  ];

  static override enableJsonFlag = true;

  static override flags = targetFlags();

  async run(): Promise<ConfigView> {
    const { flags } = await this.parse(ConnectorConfig);
    const view = await connectorConfig(choosePegaTarget(flags, process.env).target);
    this.log(renderConfig(view));
    return view;
  }
}

// `pega inspect instances`: flags in, src/inspect's inspectInstances, table or JSON out.
import { PegaCommand } from '../../cli/pega-command.js';
import { TARGET_FLAGS } from '../../cli/target-flags.js';
import { choosePegaTarget } from '../../src/config/pega-target.js';
import { inspectInstances, renderInstances } from '../../src/inspect/inspect.js';
import type { InstancesView } from '../../src/inspect/instances-view.js';
export default class InspectInstances extends PegaCommand {
  static override summary =
    'Show engines and their processes: alive, what they hold, what they copied.';

  static override description =
    'Asks a running server; changes nothing there.\n\nExit codes: 0 ok; 2 usage; 69 no server can be reached. --json changes none of them.';

  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --addr 127.0.0.1:50055 --json',
  ];

  static override enableJsonFlag = true;

  static override flags = TARGET_FLAGS;

  async run(): Promise<InstancesView> {
    const { flags } = await this.parse(InspectInstances);
    const view = await inspectInstances(choosePegaTarget(flags, process.env).target);
    this.log(renderInstances(view));
    return view;
  }
}

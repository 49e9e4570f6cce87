// `pega inspect blocks`: flags in, src/inspect's inspectBlocks, table or JSON out.
import { PegaCommand } from '../../cli/pega-command.js';
import { TARGET_FLAGS } from '../../cli/target-flags.js';
import { choosePegaTarget } from '../../src/config/pega-target.js';
import type { BlocksView } from '../../src/inspect/blocks-view.js';
import { inspectBlocks, renderBlocks } from '../../src/inspect/inspect.js';
export default class InspectBlocks extends PegaCommand {
  static override summary = 'Show blocks by state and namespace.';

  static override description =
    'Asks a running server; changes nothing there.\n\nExit codes: 0 ok; 2 usage; 69 no server can be reached. --json changes none of them.';

  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --addr 127.0.0.1:50055 --json',
  ];

  static override enableJsonFlag = true;

  static override flags = TARGET_FLAGS;

  async run(): Promise<BlocksView> {
    const { flags } = await this.parse(InspectBlocks);
    const view = await inspectBlocks(choosePegaTarget(flags, process.env).target);
    this.log(renderBlocks(view));
    return view;
  }
}

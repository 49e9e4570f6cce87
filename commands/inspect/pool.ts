// `pega inspect pool`: flags in, src/inspect's inspectPool, table or JSON out.
import { PegaCommand } from '../../cli/pega-command.js';
import { TARGET_FLAGS } from '../../cli/target-flags.js';
import { choosePegaTarget } from '../../src/config/pega-target.js';
import { inspectPool, renderPool } from '../../src/inspect/inspect.js';
import type { PoolView } from '../../src/inspect/pool-view.js';
export default class InspectPool extends PegaCommand {
  static override summary = 'Show the pool: sizes, slabs, slot classes, totals.';

  static override description =
    'Asks a running server; changes nothing there.\n\nExit codes: 0 ok; 2 usage; 69 no server can be reached. --json changes none of them.';

  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --addr 127.0.0.1:50055 --json',
  ];

  static override enableJsonFlag = true;

  static override flags = TARGET_FLAGS;

  async run(): Promise<PoolView> {
    const { flags } = await this.parse(InspectPool);
    const view = await inspectPool(choosePegaTarget(flags, process.env).target);
    this.log(renderPool(view));
    return view;
  }
}

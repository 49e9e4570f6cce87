// `pega inspect`: flags in, src/inspect's inspectAll, table or JSON out.
import { PegaCommand } from '../../cli/pega-command.js';
import { TARGET_FLAGS } from '../../cli/target-flags.js';
import { choosePegaTarget } from '../../src/config/pega-target.js';
import { inspectAll, renderSummary, type SummaryView } from '../../src/inspect/inspect.js';

export default class Inspect extends PegaCommand {
  static override summary = 'Show pool, engines and blocks of a running server on one screen.';

  static override description =
    'Asks a running server; changes nothing there.\n\nExit codes: 0 ok; 2 usage; 69 no server can be reached. --json changes none of them.';

  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --addr 127.0.0.1:50055 --json',
  ];

  static override enableJsonFlag = true;

  static override flags = TARGET_FLAGS;

  async run(): Promise<SummaryView> {
    const { flags } = await this.parse(Inspect);
    const view = await inspectAll(choosePegaTarget(flags, process.env).target);
    this.log(renderSummary(view));
    return view;
  }
}

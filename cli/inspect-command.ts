// The base of `pega inspect …`: asks one server for one view and prints it as a table or as JSON.
import { choosePegaTarget } from '../src/config/pega-target.js';
import type { PegaTarget } from '../src/rpc/client.js';
import { PegaCommand } from './pega-command.js';
import { targetFlags } from './target-flags.js';

export abstract class InspectCommand<View> extends PegaCommand {
  static override description =
    'Asks a running server; changes nothing there.\n\nExit codes: 0 ok; 2 usage; 69 no server can be reached. --json changes none of them.';

  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --addr 127.0.0.1:50055 --json',
  ];

  static override enableJsonFlag = true;

  static override flags = targetFlags();

  protected abstract view(target: PegaTarget): Promise<View>;

  protected abstract render(view: View): string;

  async run(): Promise<View> {
    const { flags } = await this.parse(InspectCommand);
    const view = await this.view(choosePegaTarget(flags, process.env).target);
    this.log(this.render(view));
    return view;
  }
}

// `pega inspect blocks`: src/inspect's inspectBlocks as a table or JSON.
import { InspectCommand } from '../../cli/inspect-command.js';
import type { BlocksView } from '../../src/inspect/blocks-view.js';
import { inspectBlocks, renderBlocks } from '../../src/inspect/inspect.js';

export default class InspectBlocks extends InspectCommand<BlocksView> {
  static override summary = 'Show blocks by state and namespace.';

  protected view = inspectBlocks;
  protected render = renderBlocks;
}

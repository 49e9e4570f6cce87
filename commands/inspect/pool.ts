// `pega inspect pool`: src/inspect's inspectPool as a table or JSON.
import { InspectCommand } from '../../cli/inspect-command.js';
import { inspectPool, renderPool } from '../../src/inspect/inspect.js';
import type { PoolView } from '../../src/inspect/pool-view.js';

export default class InspectPool extends InspectCommand<PoolView> {
  static override summary = 'Show the pool: sizes, slabs, slot classes, totals.';

  protected view = inspectPool;
  protected render = renderPool;
}

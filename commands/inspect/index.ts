// `pega inspect`: src/inspect's inspectAll as a table or JSON.
import { InspectCommand } from '../../cli/inspect-command.js';
import { inspectAll, renderSummary, type SummaryView } from '../../src/inspect/inspect.js';

export default class Inspect extends InspectCommand<SummaryView> {
  static override summary = 'Show pool, engines and blocks of a running server on one screen.';

  protected view = inspectAll;
  protected render = renderSummary;
}

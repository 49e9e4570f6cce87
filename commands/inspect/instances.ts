// `pega inspect instances`: src/inspect's inspectInstances as a table or JSON.
import { InspectCommand } from '../../cli/inspect-command.js';
import { inspectInstances, renderInstances } from '../../src/inspect/inspect.js';
import type { InstancesView } from '../../src/inspect/instances-view.js';

export default class InspectInstances extends InspectCommand<InstancesView> {
  static override summary =
    'Show engines and their processes: alive, what they hold, what they copied.';

  protected view = inspectInstances;
  protected render = renderInstances;
}

// Waits to be stopped: as work that was cut short, as a service, or without asking for the signal.
import { once } from 'node:events';
import { Args } from '@oclif/core';
import { PegaCommand } from '../../../../dist/cli/pega-command.js';

export default class Wait extends PegaCommand {
  static enableJsonFlag = true;
  static args = {
    as: Args.string({ required: true, options: ['work', 'service', 'stubborn', 'nothing'] }),
  };

  async run() {
    const { args } = await this.parse(Wait);
    const alive = setInterval(() => undefined, 60_000);
    if (args.as === 'nothing') {
      process.stdout.write('waiting\n');
      await new Promise(() => undefined);
    }
    const signal = this.stopSignal;
    process.stdout.write('waiting\n');
    await once(signal, 'abort');
    if (args.as === 'stubborn') {
      process.stdout.write('not yet\n');
      await new Promise(() => undefined);
    }
    clearInterval(alive);
    if (args.as === 'work') {
      signal.throwIfAborted();
    }
    return { stopped: true };
  }
}

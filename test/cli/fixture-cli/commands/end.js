// Ends in the way that its argument names.
import { setTimeout } from 'node:timers/promises';
import { Args, Flags } from '@oclif/core';
import { PegaCommand } from '../../../../dist/cli/pega-command.js';
import { PegaError } from '../../../../dist/src/errors.js';

const WAYS = [
  'result',
  'talkative',
  'failed-check',
  'unavailable',
  'native-error',
  'bug',
  'exit-99',
  'error-98',
];

export default class End extends PegaCommand {
  static enableJsonFlag = true;
  static args = { way: Args.string({ required: true, options: [...WAYS] }) };
  static flags = { count: Flags.integer({ min: 1 }) };

  async run() {
    const { args } = await this.parse(End);
    switch (args.way) {
      case 'talkative':
        process.stderr.write('on the way\n');
        await setTimeout(100); // a broken pipe is told later
        break;
      case 'failed-check':
        this.finishWith(1);
        break;
      case 'unavailable':
        throw new PegaError('PEGA_UNAVAILABLE', 'no server here', {
          suggestions: ['start one', 'or two'],
          cause: new Error('a secret path'),
        });
      case 'native-error':
        throw Object.assign(new Error('the folder is full'), { code: 'PEGA_NO_SPACE' });
      case 'bug':
        throw new TypeError('x is not a function');
      case 'exit-99':
        return this.exit(99);
      case 'error-98':
        return this.error('not sure', { exit: 98 });
      case 'result':
        break;
    }
    this.log('a table');
    return { way: args.way };
  }
}

// A word that is no command ends as every other usage error: exit 2, with the nearest command named.
import { Errors, type Hook, toConfiguredId } from '@oclif/core';
import { nearestName } from '../src/config/nearest.js';
import { EXIT } from '../src/errors.js';
import { type Failure, renderFailure } from './failure.js';

const commandNotFound: Hook.CommandNotFound = async ({ config, id, argv = [] }) => {
  const known = config.commandIDs.map((commandId) => toConfiguredId(commandId, config));
  const typed = toConfiguredId(id, config);
  const nearest = nearestName(typed, known);
  const failure: Failure = {
    code: 'PEGA_USAGE',
    message: `there is no command \`${config.bin} ${typed}\``,
    exit: EXIT.usage,
    suggestions: [
      nearest === undefined
        ? `see \`${config.bin} --help\``
        : `did you mean \`${config.bin} ${nearest}\`?`,
    ],
  };
  if (argv.includes('--json')) {
    process.stdout.write(`${JSON.stringify({ error: failure }, null, 2)}\n`);
  } else {
    process.stderr.write(renderFailure(failure));
  }
  throw new Errors.ExitError(failure.exit);
};

export default commandNotFound;

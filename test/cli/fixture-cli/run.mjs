// A command line of small commands over PegaCommand, as it was built into dist/.
import { fileURLToPath } from 'node:url';
import { execute, settings } from '@oclif/core';

settings.enableAutoTranspile = false;
await execute({ loadOptions: { root: fileURLToPath(new URL('.', import.meta.url)) } });

#!/usr/bin/env node
// The command `pega`, from the build in dist/.
import { existsSync } from 'node:fs';

const UNAVAILABLE = 69;

function missing(what, remedy) {
  process.stderr.write(`Error: ${what}\nCode: PEGA_UNAVAILABLE\nTry: ${remedy}\n`);
  process.exit(UNAVAILABLE);
}

if (!existsSync(new URL('../node_modules/@oclif/core', import.meta.url))) {
  await import('@oclif/core').catch(() =>
    missing('the packages that pega needs are not installed', 'run `npm ci`'),
  );
}
if (!existsSync(new URL('../dist/commands', import.meta.url))) {
  missing('pega is not built: there is no dist/commands', 'run `npm run build`, or use bin/dev.js');
}

const { execute, settings } = await import('@oclif/core');
// The build is what runs, whatever NODE_ENV says.
settings.enableAutoTranspile = false;
await execute({ dir: import.meta.url });

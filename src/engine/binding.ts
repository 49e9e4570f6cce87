// Loads the addon, or says why it can't be loaded and what to do. Only src/engine imports this.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { PegaError } from '../errors.js';
import { packageRoot } from '../package.js';
import type { NativeBinding } from './binding-types.js';

const REBUILD = ['run `npm run build:native` in the folder of pega'];

let loaded: NativeBinding | undefined;

/** The addon, loaded once. Throws PEGA_ADDON_MISSING. */
export function loadBinding(): NativeBinding {
  loaded ??= loadAddon(addonPath());
  return loaded;
}

/** PEGA_ADDON_PATH (another build, for example one under a sanitizer), else the release build's. */
function addonPath(): string {
  return process.env.PEGA_ADDON_PATH ?? join(packageRoot(), 'build', 'release', 'pega.node');
}

/** Loads the addon at `path`. Exported for tests. */
export function loadAddon(path: string): NativeBinding {
  if (!existsSync(path)) {
    throw new PegaError('PEGA_ADDON_MISSING', `the native engine is not built: no file ${path}`, {
      suggestions: REBUILD,
    });
  }
  try {
    return createRequire(import.meta.url)(path) as NativeBinding;
  } catch (cause) {
    throw diagnose(path, cause);
  }
}

/** What dlopen said, in terms of what to do about it. */
function diagnose(path: string, cause: unknown): PegaError {
  const said = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause);
  const [found, suggestions] = explain(said);
  return new PegaError('PEGA_ADDON_MISSING', `${path} can't be loaded: ${found} (${said})`, {
    cause,
    suggestions,
  });
}

function explain(said: string): [found: string, suggestions: string[]] {
  const library = /(lib[\w+.-]+\.so[\w.]*): cannot open shared object/.exec(said)?.[1];
  if (library !== undefined) {
    return [`the library ${library} is missing`, [`install the package that has ${library}`]];
  }
  if (/GLIBC(XX)?_[\d.]+' not found|version `.*' not found/.test(said)) {
    return ['it was built for a newer C or C++ library than this machine has', REBUILD];
  }
  if (/invalid ELF header|wrong ELF class|file too short|cannot open.*architecture/.test(said)) {
    return [`it was built for another machine than ${process.platform}-${process.arch}`, REBUILD];
  }
  if (/undefined symbol|NODE_MODULE_VERSION|did not self-register/.test(said)) {
    return [
      `it does not fit Node ${process.versions.node}`,
      ['use Node 20.18 or newer', ...REBUILD],
    ];
  }
  return ['the loader refused it', REBUILD];
}

// The wheel of the connector that this package brings: made by `npm run build` for this machine.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { PegaError } from '../errors.js';
import { PACKAGE_VERSION, packageRoot } from '../package.js';

export interface BundledWheel {
  path: string;
  /** linux_x86_64 */
  platform: string;
}

export function bundledWheel(): BundledWheel {
  const folder = join(packageRoot(), 'dist', 'wheel');
  const names = existsSync(folder) ? readdirSync(folder) : [];
  for (const name of names) {
    const [, version, platform] = /^pega_connector-(.+)-py3-none-(\w+)\.whl$/.exec(name) ?? [];
    if (version === PACKAGE_VERSION && platform !== undefined) {
      return { path: join(folder, name), platform };
    }
  }
  throw new PegaError(
    'PEGA_ADDON_MISSING',
    `${folder} has no wheel of the connector ${PACKAGE_VERSION}`,
  );
}

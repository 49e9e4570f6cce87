// This package: where it lies, the same from source (src/) and from the build (dist/src/), and its version.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder that holds package.json, bin/ and proto/. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    const above = dirname(folder);
    if (above === folder) {
      throw new Error(`no package.json above ${fileURLToPath(import.meta.url)}`);
    }
    folder = above;
  }
  return folder;
}

function readVersion(): string {
  const text = readFileSync(join(packageRoot(), 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

export const PACKAGE_VERSION = readVersion();

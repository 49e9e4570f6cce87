// The version of this package, from its package.json.

import { readFileSync } from 'node:fs';

function readVersion(): string {
  // One folder further up from dist/ than from the sources.
  for (const up of ['../../package.json', '../../../package.json']) {
    try {
      const content: unknown = JSON.parse(readFileSync(new URL(up, import.meta.url), 'utf8'));
      if (typeof content === 'object' && content !== null && 'version' in content) {
        return String(content.version);
      }
    } catch {
      // the other one, then
    }
  }
  return 'unknown';
}

export const SERVER_VERSION = readVersion();

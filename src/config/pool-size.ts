// The size of a pool as people give it: `--pool-size`, `--server-pool-size`.
import { PegaError } from '../errors.js';
import { LIMITS } from '../limits.js';
import { formatBytes, parseBytes } from '../units.js';

const POOL_BYTES_MAX = LIMITS.slabBytesMax * LIMITS.slabOrdinalsMax;

export function parsePoolSize(text: string): number {
  const bytes = parseBytes(text);
  if (bytes < LIMITS.slabBytesMin || bytes > POOL_BYTES_MAX) {
    throw new PegaError(
      'PEGA_INVALID_ARGUMENT',
      `"${text}" is no size of a pool; required is from ${formatBytes(LIMITS.slabBytesMin)} to ${formatBytes(POOL_BYTES_MAX)}`,
      { suggestions: ['write it like 30gb, 500mb or 1.5tb'] },
    );
  }
  return bytes;
}

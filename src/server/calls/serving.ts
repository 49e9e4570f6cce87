// What the calls of the path work with.

import type { Pool } from '../../engine/pool.js';
import { LIMITS } from '../../limits.js';
import type { Registry } from '../registry.js';

export interface Serving {
  readonly pool: Pool;
  readonly registry: Registry;
  readonly bootNumber: number;
}

export const EMPTY = Buffer.alloc(0);

/** What an answer's packed fields may have together; the rest is for its numbers and field headers. */
export const PACKED_BYTES_MAX = LIMITS.messageBytesMax - 256;

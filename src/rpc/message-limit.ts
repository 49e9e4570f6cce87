// The bound of a message, 8 MiB, checked before it is sent: grpc-js would cut the connection's stream
// with a sentence that helps nobody.

import { PegaError } from '../errors.js';
import { LIMITS } from '../limits.js';

export function checkMessageBytes(what: string, bytes: number): void {
  if (bytes > LIMITS.messageBytesMax) {
    throw new PegaError(
      'PEGA_LIMIT',
      `the ${what} message has ${bytes} bytes; at most ${LIMITS.messageBytesMax} are allowed`,
      { suggestions: ['send it in several calls with fewer blocks each'] },
    );
  }
}

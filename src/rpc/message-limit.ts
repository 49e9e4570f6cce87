// The bound of a message, 8 MiB, checked before it is sent: grpc-js would cut the connection's stream
// with a sentence that helps nobody. Some requests have less, checked before they are decoded.

import { PegaError } from '../errors.js';
import { LIMITS } from '../limits.js';

export function checkMessageBytes(
  what: string,
  bytes: number,
  most: number = LIMITS.messageBytesMax,
): void {
  if (bytes > most) {
    throw new PegaError(
      'PEGA_LIMIT',
      `the ${what} message has ${bytes} bytes; at most ${most} are allowed`,
      { suggestions: ['send it in several calls with fewer blocks each'] },
    );
  }
}

/** Of requests that are lists of small fields: 8 MiB of those would decode for seconds. */
const REQUEST_BYTES_MAX: Partial<Record<string, number>> = {
  Register: 512 * 1024,
  Session: 512 * 1024,
  Release: 64 * 1024,
};

/** PEGA_LIMIT where it is too long, PEGA_INVALID_ARGUMENT where it is no such message. */
export function decodeRequest<T>(method: string, bytes: Buffer, decode: (bytes: Buffer) => T): T {
  checkMessageBytes(method, bytes.length, REQUEST_BYTES_MAX[method]);
  try {
    return decode(bytes);
  } catch (cause) {
    throw new PegaError('PEGA_INVALID_ARGUMENT', `the ${method} message is not one of pega.v1`, {
      cause,
    });
  }
}

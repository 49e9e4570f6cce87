// "127.0.0.1:50055", "[::1]:9091": host and port as flags and files give them.

import { isIP } from 'node:net';
import { PegaError } from '../errors.js';

export interface HostPort {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

export function parseHostPort(text: string): HostPort {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  const bracketsFit = match?.[1] === undefined || isIP(match[1]) === 6;
  if (host === undefined || !bracketsFit || !(port <= 65_535)) {
    throw new PegaError(
      'PEGA_INVALID_ARGUMENT',
      `"${text}" is not an address; required is HOST:PORT with a port from 0 to 65535`,
      { suggestions: ['write it like 127.0.0.1:50055 or [::1]:50055; port 0 takes a free one'] },
    );
  }
  return { host, port };
}

export function formatHostPort(address: HostPort): string {
  return address.host.includes(':')
    ? `[${address.host}]:${address.port}`
    : `${address.host}:${address.port}`;
}

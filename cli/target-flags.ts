// The flags of every command that asks a running server.
import { Flags } from '@oclif/core';

/** @param only flags without which these two mean nothing. */
export function targetFlags(only: { dependsOn?: string[] } = {}) {
  return {
    socket: Flags.string({
      helpValue: 'PATH',
      description:
        'Unix socket of the server; default: PEGA_SOCKET, then the socket in your runtime folder',
      exclusive: ['addr'],
      ...only,
    }),
    addr: Flags.string({
      helpValue: 'HOST:PORT',
      description: 'address of the server; default: PEGA_ADDR, then 127.0.0.1:50055',
      ...only,
    }),
  };
}

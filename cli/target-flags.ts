// The flags of every command that asks a running server.
import { Flags } from '@oclif/core';

export const TARGET_FLAGS = {
  socket: Flags.string({
    helpValue: 'PATH',
    description:
      'Unix socket of the server; default: PEGA_SOCKET, then the socket in your runtime folder',
    exclusive: ['addr'],
  }),
  addr: Flags.string({
    helpValue: 'HOST:PORT',
    description: 'address of the server; default: PEGA_ADDR, then 127.0.0.1:50055',
  }),
};

// Where a client finds `pega serve`: --socket or --addr, then PEGA_SOCKET or PEGA_ADDR, then the user's
// own socket, then the default address.
import { existsSync } from 'node:fs';
import { PegaError } from '../errors.js';
import type { PegaTarget } from '../rpc/client.js';
import { formatHostPort, parseHostPort } from './addresses.js';
import { defaultSocketPath } from './default-socket.js';
import { parseNamed } from './named-value.js';

const DEFAULT_ADDRESS = '127.0.0.1:50055';

export interface TargetFlags {
  socket?: string | undefined;
  addr?: string | undefined;
}

export interface ChosenTarget {
  target: PegaTarget;
  /** A flag or variable named it; else it is a guess. */
  named: boolean;
}

export function choosePegaTarget(flags: TargetFlags, environment: NodeJS.ProcessEnv): ChosenTarget {
  if (flags.socket !== undefined && flags.addr !== undefined) {
    throw new PegaError('PEGA_USAGE', '--socket and --addr name two servers; required is one');
  }
  const named = targetOfFlags(flags) ?? targetOfVariables(environment);
  if (named !== undefined) {
    return { target: named, named: true };
  }
  const socket = defaultSocketPath(environment);
  return { target: existsSync(socket) ? { socket } : { address: DEFAULT_ADDRESS }, named: false };
}

export function targetOfFlags({ socket, addr }: TargetFlags): PegaTarget | undefined {
  return socket === undefined ? targetOfAddress('--addr', addr) : { socket };
}

function targetOfVariables(environment: NodeJS.ProcessEnv): PegaTarget | undefined {
  // A variable set to nothing is the shell's way to unset it.
  const socket = environment.PEGA_SOCKET || undefined;
  return socket === undefined
    ? targetOfAddress('PEGA_ADDR', environment.PEGA_ADDR || undefined)
    : { socket };
}

function targetOfAddress(name: string, text: string | undefined): PegaTarget | undefined {
  return text === undefined
    ? undefined
    : { address: formatHostPort(parseNamed(name, text, parseHostPort)) };
}

// TCP addresses: is one free, and who has it if not.

import { createServer } from 'node:net';
import { formatHostPort, type HostPort } from '../config/addresses.js';
import { PegaError } from '../errors.js';
import { describeTcpListener } from './listener.js';

/** Before anything is changed: a server that cannot listen must not end another one's pool. */
export async function refuseIfTaken(what: string, address: HostPort): Promise<void> {
  const probe = createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once('error', (failure) => reject(addressFailure(what, address, failure)));
    probe.listen(address.port, address.host, () => probe.close(() => resolve()));
  });
}

/** Why listening failed, as people need it. */
export function addressFailure(what: string, address: HostPort, failure: Error): PegaError {
  const shown = formatHostPort(address);
  const flag = what === 'HTTP' ? '--http-addr' : '--addr';
  if (failure.message.includes('EADDRINUSE')) {
    return new PegaError(
      'PEGA_ADDRESS_IN_USE',
      `the ${what} address ${shown} is in use by ${describeTcpListener(address.port)}`,
      {
        suggestions: [`stop that process, or choose another address with ${flag}`],
        cause: failure,
      },
    );
  }
  return new PegaError(
    'PEGA_IO',
    `the server cannot listen on the ${what} address ${shown}: ${failure.message}`,
    { suggestions: [`choose an address of this machine with ${flag}`], cause: failure },
  );
}

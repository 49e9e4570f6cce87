// Register: checks who a process says it is and answers where the pool is.

import { engineVersions } from '../../engine/measure.js';
import { PegaError } from '../../errors.js';
import type { RegisterRequest, RegisterResponse } from '../../rpc/messages.js';
import { checkRegister } from '../../rpc/validate.js';
import type { Serving } from './serving.js';

export function register(
  { pool, registry, bootNumber }: Serving,
  devices: 'cpu' | readonly number[],
  request: RegisterRequest,
): RegisterResponse {
  const identity = checkRegister(request, registry.identityOfEngine);
  const { sharedLayoutVersion } = engineVersions();
  if (request.sharedLayoutVersion !== sharedLayoutVersion) {
    throw new PegaError(
      'PEGA_LAYOUT_VERSION',
      `shared_layout_version is ${request.sharedLayoutVersion}; this server's is ${sharedLayoutVersion}`,
    );
  }
  const { entry, claim } = registry.register(request, identity);
  return {
    bootNumber,
    poolId: pool.poolId,
    folder: pool.folder.path,
    slabFolder: pool.folder.slabPath,
    slabBytes: pool.slabBytes,
    ordinalCapacity: pool.ordinalCapacity,
    nonce: claim.nonce,
    token: claim.token,
    namespaceDigest: entry.digest,
    warning: request.role === 'ROLE_WORKER' ? deviceWarning(request.device, devices) : '',
  };
}

/** Served all the same: --device says which GPUs the server is meant for. */
function deviceWarning(device: string, devices: 'cpu' | readonly number[]): string {
  const named = devices === 'cpu' ? ['cpu'] : devices.map((index) => `cuda:${index}`);
  return named.includes(device)
    ? ''
    : `the worker's device is ${device || 'not named'}; this server was started for ${named.join(', ')} (--device)`;
}

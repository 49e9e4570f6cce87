// Release: ends leases. Ids that are unknown leave tombstones; ended ones are fine.

import { setImmediate as nextTurn } from 'node:timers/promises';

import { PegaError } from '../../errors.js';
import { LIMITS } from '../../limits.js';
import type { ReleaseRequest, ReleaseResponse } from '../../rpc/messages.js';
import { checkId } from '../../rpc/validate.js';
import type { Serving } from './serving.js';

export async function release(
  { pool, registry, bootNumber }: Serving,
  request: ReleaseRequest,
): Promise<ReleaseResponse> {
  const { handle } = registry.authorize(request.caller);
  const { leaseIds } = request;
  if (leaseIds.length > LIMITS.leasesPerReleaseMax) {
    throw new PegaError(
      'PEGA_LIMIT',
      `lease_ids has ${leaseIds.length} ids; at most ${LIMITS.leasesPerReleaseMax} are allowed`,
    );
  }
  for (const id of leaseIds) {
    checkId('lease_ids', id);
  }
  for (const [index, id] of leaseIds.entries()) {
    if (index > 0) {
      await nextTurn(); // many small leases are as long as a large one
    }
    await pool.release(handle, id);
  }
  return { bootNumber };
}

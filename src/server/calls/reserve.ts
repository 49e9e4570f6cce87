// Reserve: slots for the blocks of a chain that are neither sealed nor in flight.

import { PegaError } from '../../errors.js';
import { RESERVED_BYTES_ON_WIRE } from '../../limits.js';
import type { ReserveRequest, ReserveResponse } from '../../rpc/messages.js';
import { checkId, checkLength, packedCount } from '../../rpc/validate.js';
import { PACKED_BYTES_MAX, type Serving } from './serving.js';

export async function reserve(
  { pool, registry, bootNumber }: Serving,
  request: ReserveRequest,
): Promise<ReserveResponse> {
  const { entry, handle } = registry.authorize(request.caller);
  const { hashBytes, rankCount } = entry.identity;
  checkId('reservation_id', request.reservationId);
  const blocks = packedCount('hashes', request.hashes, hashBytes);
  if (request.parentHash.length !== 0) {
    checkLength('parent_hash', request.parentHash, hashBytes);
  }
  const fitting = Math.floor(PACKED_BYTES_MAX / (1 + rankCount * RESERVED_BYTES_ON_WIRE));
  if (blocks > fitting) {
    throw new PegaError(
      'PEGA_LIMIT',
      `hashes has ${blocks} blocks; the answer holds the slots of ${fitting} for ${rankCount} ranks`,
      { suggestions: [`reserve at most ${fitting} blocks in one call`] },
    );
  }
  const { outcomes, reserved } = await pool.reserve(
    handle,
    request.reservationId,
    request.parentHash,
    request.hashes,
  );
  return { bootNumber, outcomes, reserved };
}

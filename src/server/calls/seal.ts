// Seal: publishes blocks of a reservation that all ranks have written.

import type { SealRequest, SealResponse } from '../../rpc/messages.js';
import { checkId, checkLength, packedCount } from '../../rpc/validate.js';
import type { Serving } from './serving.js';

const INDEX_BYTES = 4;
const GENERATION_BYTES = 8;

export async function seal(
  { pool, registry, bootNumber }: Serving,
  request: SealRequest,
): Promise<SealResponse> {
  const { entry, handle } = registry.authorize(request.caller);
  checkId('reservation_id', request.reservationId);
  const blocks = packedCount('indices', request.indices, INDEX_BYTES);
  const generations = blocks * entry.identity.rankCount * GENERATION_BYTES;
  checkLength('generations', request.generations, generations);
  const sealedBlocks = await pool.seal(
    handle,
    request.reservationId,
    request.indices,
    request.generations,
  );
  return { bootNumber, sealedBlocks };
}

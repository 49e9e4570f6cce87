// Abandon: frees blocks of a reservation that will not be sealed; without indices, all of them.

import type { AbandonRequest, AbandonResponse } from '../../rpc/messages.js';
import { checkId, packedCount } from '../../rpc/validate.js';
import type { Serving } from './serving.js';

const INDEX_BYTES = 4;

export async function abandon(
  { pool, registry, bootNumber }: Serving,
  request: AbandonRequest,
): Promise<AbandonResponse> {
  const { handle } = registry.authorize(request.caller);
  checkId('reservation_id', request.reservationId);
  packedCount('indices', request.indices, INDEX_BYTES);
  await pool.abandon(handle, request.reservationId, request.indices);
  return { bootNumber };
}

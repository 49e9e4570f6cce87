// Query: which blocks before the local hit are sealed, and from it on a lease with its slots.

import { SLOT_BYTES_ON_WIRE } from '../../limits.js';
import type { QueryRequest, QueryResponse } from '../../rpc/messages.js';
import { checkId, checkInteger, packedCount } from '../../rpc/validate.js';
import { EMPTY, PACKED_BYTES_MAX, type Serving } from './serving.js';

export async function query(
  { pool, registry, bootNumber }: Serving,
  request: QueryRequest,
): Promise<QueryResponse> {
  const { entry, handle } = registry.authorize(request.caller);
  const { hashBytes, rankCount } = entry.identity;
  checkId('lease_id', request.leaseId);
  const blocks = packedCount('hashes', request.hashes, hashBytes);
  const before = request.localHitBlocks;
  checkInteger('local_hit_blocks', before, 0, blocks);

  const cut = before * hashBytes;
  const sealedBefore =
    before === 0 ? EMPTY : await pool.lookup(handle, request.hashes.subarray(0, cut));
  // A lease ends where its slots would not fit the answer: a longer one could not be told.
  const fitting = Math.floor((PACKED_BYTES_MAX - before) / (rankCount * SLOT_BYTES_ON_WIRE));
  const { hitBlocks, slots } = await pool.lease(
    handle,
    request.leaseId,
    request.hashes.subarray(cut),
    Math.min(blocks - before, fitting),
  );
  if (hitBlocks === 0) {
    await pool.release(handle, request.leaseId); // nothing that the client would have to end
  }
  return { bootNumber, sealedBefore, hitBlocks, slots };
}

// What a request must look like before anybody acts on it: lengths, ranges, counts. Nothing here knows
// engines or the pool; src/server checks what needs them.
//
// The checks of the path look at lengths only and make no objects.

import { PegaError } from '../errors.js';
import { LIMITS, PROTOCOL_VERSION } from '../limits.js';
import type { Caller, Identity, RegisterRequest, Role } from './messages.js';
import { checkLayout, wholeNumber } from './validate-layout.js';

export function invalid(message: string): PegaError {
  return new PegaError('PEGA_INVALID_ARGUMENT', message);
}

/** A u64 of the wire that must be a whole number in [min, max]. */
export function checkInteger(name: string, value: number, min: number, max: number): void {
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    throw invalid(
      `${name} is ${wholeNumber(value)}; required is a whole number from ${min} to ${max}`,
    );
  }
}

export function checkLength(name: string, bytes: Buffer, required: number): void {
  if (bytes.length !== required) {
    throw invalid(`${name} has ${bytes.length} bytes; required are ${required}`);
  }
}

/** Ids of leases and reservations: 1 to 2^53 − 1. */
export function checkId(name: string, id: number): void {
  checkInteger(name, id, 1, Number.MAX_SAFE_INTEGER);
}

/** Blocks that a packed field holds. */
export function packedCount(name: string, bytes: Buffer, itemBytes: number): number {
  const count = bytes.length / itemBytes;
  if (!Number.isInteger(count)) {
    throw invalid(`${name} has ${bytes.length} bytes; required is a multiple of ${itemBytes}`);
  }
  if (count > LIMITS.hashesPerCallMax) {
    throw new PegaError(
      'PEGA_LIMIT',
      `${name} has ${count} blocks; at most ${LIMITS.hashesPerCallMax} are allowed in one call`,
    );
  }
  return count;
}

export function requireCaller(caller: Caller | null): Caller {
  if (caller === null) {
    throw invalid(
      'caller is missing; every call of the path names its engine, token and boot number',
    );
  }
  checkLength('caller.engine_id', caller.engineId, LIMITS.engineIdBytes);
  return caller;
}

/** Record of the process in the hold file: 0 the scheduler's, 1 + rank the workers'. */
export function recordOf(role: Role, rank: number): number {
  return role === 'ROLE_SCHEDULER' ? 0 : 1 + rank;
}

export function checkRole(role: Role, rank: number, rankCount: number): void {
  if (role === 'ROLE_SCHEDULER') {
    checkInteger('rank of a scheduler', rank, 0, 0);
  } else if (role === 'ROLE_WORKER') {
    checkInteger('rank', rank, 0, rankCount - 1);
  } else {
    throw invalid(`role is ${role}; required is ROLE_SCHEDULER or ROLE_WORKER`);
  }
}

/**
 * All of Register that can be checked without the pool; returns the identity.
 * @param identityOfEngine asked where a worker leaves its identity out; throws where nobody gave one.
 */
export function checkRegister(
  request: RegisterRequest,
  identityOfEngine: (engineId: Buffer) => Identity,
): Identity {
  if (request.protocolVersion !== PROTOCOL_VERSION) {
    throw new PegaError(
      'PEGA_LAYOUT_VERSION',
      `protocol_version is ${request.protocolVersion}; this server speaks ${PROTOCOL_VERSION}`,
    );
  }
  checkLength('engine_id', request.engineId, LIMITS.engineIdBytes);
  const identity =
    request.identity === null && request.role === 'ROLE_WORKER'
      ? identityOfEngine(request.engineId)
      : checkIdentity(request.identity);
  checkRole(request.role, request.rank, identity.rankCount);
  if (request.role === 'ROLE_WORKER') {
    if (request.layout === null) {
      throw invalid('layout is missing; every worker names its own');
    }
    checkLayout(request.layout, identity.rankSlotBytes[request.rank] ?? 0, request.rank);
  } else if (request.layout !== null) {
    throw invalid('layout is given by a scheduler; only workers have one');
  }
  for (const name of ['device', 'client'] as const) {
    checkInteger(`length of ${name}`, request[name].length, 0, LIMITS.identityValueCharsMax);
  }
  return identity;
}

function checkIdentity(identity: Identity | null): Identity {
  if (identity === null) {
    throw invalid('identity is missing; it is what keeps the blocks of two engines apart');
  }
  const fields = Object.entries(identity.fields);
  checkInteger('number of identity fields', fields.length, 0, LIMITS.identityFieldsMax);
  for (const [key, value] of fields) {
    checkInteger(
      `length of identity key "${key.slice(0, LIMITS.identityKeyCharsMax)}"`,
      key.length,
      1,
      LIMITS.identityKeyCharsMax,
    );
    checkInteger(
      `length of identity field "${key}"`,
      value.length,
      0,
      LIMITS.identityValueCharsMax,
    );
  }
  checkInteger('identity.block_tokens', identity.blockTokens, 1, 2 ** 32 - 1);
  checkInteger('identity.hash_bytes', identity.hashBytes, LIMITS.hashBytesMin, LIMITS.hashBytesMax);
  checkInteger('identity.rank_count', identity.rankCount, 1, LIMITS.ranksMax);
  if (identity.rankSlotBytes.length !== identity.rankCount) {
    throw invalid(
      `identity.rank_slot_bytes has ${identity.rankSlotBytes.length} values; required is one for each of ${identity.rankCount} ranks`,
    );
  }
  for (const [rank, bytes] of identity.rankSlotBytes.entries()) {
    checkInteger(`identity.rank_slot_bytes[${rank}]`, bytes, 1, Number.MAX_SAFE_INTEGER);
  }
  return identity;
}

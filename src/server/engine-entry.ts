// What the server knows of one engine and its processes. Types and their making; registry.ts owns them.

import type { HoldView } from '../engine/hold-view.js';
import type { Identity, NearestNamespace, Role, SessionReport } from '../rpc/messages.js';

/** One Register of one process: what it said and was given. It counts once the hold file proves it. */
export interface Claim {
  readonly nonce: Buffer;
  readonly token: Buffer;
  readonly device: string;
  readonly client: string;
  readonly pid: number;
}

export interface ProcessEntry {
  readonly role: Role;
  readonly rank: number;
  /** In the hold file: 0 the scheduler, 1 + rank the workers. */
  readonly record: number;
  /** The newest Register, until a Session proves it: a stranger's changes nothing else. */
  pending: Claim | undefined;
  proved: Claim | undefined;
  openSessions: number;
  sessionSinceMs: number;
  report: SessionReport | undefined;
}

/**
 * registered: no process has proved itself. alive: one has. dying: the locks of all are free;
 * its leases end at once, its stores 500 ms later, then it is forgotten.
 */
export type EnginePhase = 'registered' | 'alive' | 'dying';

export interface EngineEntry {
  readonly key: string;
  readonly engineId: Buffer;
  readonly identity: Identity;
  readonly digest: Buffer;
  readonly processes: Map<number, ProcessEntry>;
  phase: EnginePhase;
  /** Newest Register, by the clock of performance.now(). */
  registeredAtMs: number;
  view: HoldView | undefined;
  /** The pool's handle, from the first proof on. */
  handle: number | undefined;
  /** The highest that the pool was told. */
  watermark: number;
  /** Where nothing of its namespace was resident when it was first proved. */
  nearest: NearestNamespace | undefined;
}

export function newProcess(role: Role, rank: number, record: number): ProcessEntry {
  return {
    role,
    rank,
    record,
    pending: undefined,
    proved: undefined,
    openSessions: 0,
    sessionSinceMs: 0,
    report: undefined,
  };
}

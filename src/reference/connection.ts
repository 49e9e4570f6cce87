// One registration with a server: both sides of the engine, its sessions, memory and copies, for one boot.
//
// It is opened whole and lost whole. When it is lost nothing is granted or given back any more; copies
// in flight end well, then memory and locks go, and the server frees what was held. A new one is another
// engine to the server: every registration has its own engine id.
import { randomBytes } from 'node:crypto';
import { EngineMemory } from '../engine/engine-memory.js';
import { engineVersions } from '../engine/measure.js';
import type { KvAllocation } from '../engine/reference-model.js';
import { type JobKind, TransferEngine, type TransferStats } from '../engine/transfer.js';
import { PegaError, toPegaError } from '../errors.js';
import { LIMITS, PROTOCOL_VERSION } from '../limits.js';
import { connectPega, type PegaClient, type PegaSession, type PegaTarget } from '../rpc/client.js';
import type { Identity, Layout, RegisterResponse, Role, SessionReport } from '../rpc/messages.js';
import { PathCalls } from './path-calls.js';

/** What the worker is to every server. */
export interface EngineDescription {
  identity: Identity;
  layout: Layout;
  allocations: readonly KvAllocation[];
  client: string;
  queryDeadlineMs: number;
  transferThreads: number;
}

export interface Connection {
  readonly bootNumber: number;
  readonly slotBytes: number;
  readonly calls: PathCalls;
  /** Aborted, with a PegaError as reason, when nothing that the server granted is valid any more. */
  readonly lost: AbortSignal;
  hold(slots: Uint8Array): void;
  drop(slots: Uint8Array): void;
  /** Copies deviceBlocks[i] ↔ slots[i]; rejects with the job's failure. */
  copy(kind: JobKind, deviceBlocks: readonly number[], slots: Uint8Array): Promise<void>;
  stats(): TransferStats;
  slabsReady(): number;
  report(report: SessionReport): void;
  /** Looks at the header's boot number and at new slabs. */
  poll(): void;
  lose(reason: PegaError): void;
  /** After `lose`: resolves when copies have ended and all memory and locks are given back. */
  closed(): Promise<void>;
}

interface Side {
  registered: RegisterResponse;
  memory: EngineMemory;
  session: PegaSession;
}

const RECORDS: Record<'scheduler' | 'worker', { role: Role; record: number }> = {
  scheduler: { role: 'ROLE_SCHEDULER', record: 0 },
  worker: { role: 'ROLE_WORKER', record: 1 },
};

/**
 * Rejects with the first thing that went wrong, and leaves nothing behind. A server that does not answer
 * is given up when `stop` is aborted.
 */
export async function openConnection(
  target: PegaTarget,
  description: EngineDescription,
  stop: AbortSignal,
): Promise<Connection> {
  const client = connectPega(target);
  const engineId = randomBytes(LIMITS.engineIdBytes);
  const sides: Side[] = [];
  const giveUp = () => {
    for (const { session } of sides) {
      session.close();
    }
    client.close();
  };
  stop.addEventListener('abort', giveUp, { once: true });
  try {
    const scheduler = await openSide(client, engineId, 'scheduler', description, sides);
    const worker = await openSide(client, engineId, 'worker', description, sides);
    if (scheduler.registered.bootNumber !== worker.registered.bootNumber) {
      throw new PegaError('PEGA_STALE_BOOT', 'the server restarted while the worker registered');
    }
    const transfer = TransferEngine.create({
      memory: worker.memory,
      allocations: [...description.allocations],
      segments: description.layout.segments,
      blockCount: description.layout.blockCount,
      threads: description.transferThreads,
    });
    return new OpenConnection({ client, engineId, scheduler, worker, transfer, description });
  } catch (thrown) {
    closeSides(sides);
    client.close();
    throw thrown;
  } finally {
    stop.removeEventListener('abort', giveUp);
  }
}

async function openSide(
  client: PegaClient,
  engineId: Buffer,
  side: 'scheduler' | 'worker',
  description: EngineDescription,
  opened: Side[],
): Promise<Side> {
  const { role, record } = RECORDS[side];
  const { identity } = description;
  const registered = await client.register({
    protocolVersion: PROTOCOL_VERSION,
    sharedLayoutVersion: engineVersions().sharedLayoutVersion,
    engineId,
    role,
    rank: 0,
    identity,
    layout: side === 'worker' ? description.layout : null,
    device: 'cpu',
    client: description.client,
    pid: process.pid,
  });
  const { bootNumber, nonce } = registered;
  const memory = EngineMemory.open({
    folder: { path: registered.folder, slabPath: registered.slabFolder },
    poolId: registered.poolId,
    engineId,
    nonce,
    record,
    rankCount: identity.rankCount,
    slabBytes: registered.slabBytes,
    ordinalCapacity: registered.ordinalCapacity,
    bootNumber,
  });
  const session = client.session({ engineId, role, rank: 0, nonce, bootNumber });
  const made = { registered, memory, session };
  opened.push(made);
  await session.welcome;
  return made;
}

function closeSides(sides: readonly Side[]): void {
  for (const { session, memory } of sides.toReversed()) {
    session.close();
    memory.close();
  }
}

interface Parts {
  client: PegaClient;
  engineId: Buffer;
  scheduler: Side;
  worker: Side;
  transfer: TransferEngine;
  description: EngineDescription;
}

class OpenConnection implements Connection {
  readonly bootNumber: number;
  readonly slotBytes: number;
  readonly calls: PathCalls;
  readonly #parts: Parts;
  readonly #lost = new AbortController();
  readonly #copies = new Set<Promise<void>>();
  #slabsSeen = 0;
  #slabsReady = 0;
  #finalStats: TransferStats | undefined;
  #closed: Promise<void> | undefined;

  constructor(parts: Parts) {
    const { scheduler, worker } = parts;
    this.#parts = parts;
    this.bootNumber = scheduler.registered.bootNumber;
    this.slotBytes = parts.transfer.slotBytes;
    this.calls = new PathCalls({
      client: parts.client,
      engineId: parts.engineId,
      token: scheduler.registered.token,
      bootNumber: this.bootNumber,
      queryDeadlineMs: parts.description.queryDeadlineMs,
      lost: this.lost,
      onDisowned: (error) => this.lose(error),
    });
    for (const { session } of [scheduler, worker]) {
      void session.draining.then(() => this.#loseBecause('the server is about to stop'));
      void session.closed.then(() => this.#loseBecause('the session with the server ended'));
    }
    this.poll();
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  hold(slots: Uint8Array): void {
    this.#parts.scheduler.memory.hold(slots, this.slotBytes);
  }

  drop(slots: Uint8Array): void {
    this.#parts.scheduler.memory.drop(slots, this.slotBytes);
  }

  async copy(kind: JobKind, deviceBlocks: readonly number[], slots: Uint8Array): Promise<void> {
    this.lost.throwIfAborted();
    const done = this.#parts.transfer.submit(kind, Uint32Array.from(deviceBlocks), slots).done();
    this.#copies.add(done);
    try {
      await done;
    } finally {
      this.#copies.delete(done);
    }
  }

  stats(): TransferStats {
    return this.#finalStats ?? this.#parts.transfer.stats();
  }

  slabsReady(): number {
    return this.#slabsReady;
  }

  report(report: SessionReport): void {
    this.#parts.worker.session.report(report);
  }

  poll(): void {
    if (this.lost.aborted) {
      return;
    }
    const { scheduler, worker } = this.#parts;
    try {
      if (scheduler.memory.bootNumber() !== this.bootNumber) {
        this.#loseBecause('the server restarted');
      } else if (worker.memory.slabCount() !== this.#slabsSeen) {
        this.#slabsSeen = worker.memory.slabCount();
        this.#slabsReady = worker.memory.openSlabs();
        worker.memory.reportReady(this.#slabsReady, false);
      }
    } catch (thrown) {
      this.lose(toPegaError(thrown));
    }
  }

  lose(reason: PegaError): void {
    this.#lost.abort(reason);
    this.#closed ??= this.#close();
  }

  closed(): Promise<void> {
    return this.#closed ?? Promise.resolve();
  }

  #loseBecause(what: string): void {
    this.lose(new PegaError('PEGA_UNAVAILABLE', what));
  }

  async #close(): Promise<void> {
    const { client, scheduler, worker, transfer } = this.#parts;
    while (this.#copies.size > 0) {
      await Promise.allSettled(this.#copies);
    }
    this.#finalStats = transfer.stats();
    await transfer.close();
    closeSides([scheduler, worker]);
    client.close();
  }
}

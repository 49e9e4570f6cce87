// Which engines there are, who their processes are, and who may call for them.
//
// Register promises nothing: it names the folder and hands out a nonce. Only a process that wrote the
// nonce into the hold file there and holds its lock is believed (prove), and only then does the
// engine exist in the pool. Liveness ends engines; nothing here looks at a clock.

import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { Pool } from '../engine/pool.js';
import { PegaError } from '../errors.js';
import { LIMITS, PAGE_BYTES } from '../limits.js';
import type {
  Caller,
  Identity,
  NearestNamespace,
  RegisterRequest,
  SessionHello,
} from '../rpc/messages.js';
import { checkLength, checkRole, recordOf, requireCaller } from '../rpc/validate.js';
import { formatBytes } from '../units.js';
import { type Claim, type EngineEntry, newProcess, type ProcessEntry } from './engine-entry.js';
import type { HoldFiles } from './hold-files.js';
import { identityDifference, namespaceDigest } from './identity.js';
import { KnownNamespaces } from './known-namespaces.js';
import { nearestNamespace } from './nearest-namespace.js';

/** Of engines that registered and proved nothing yet; the pool bounds the others. */
const UNPROVED_ENGINES_MAX = 1024;

export interface Proved {
  entry: EngineEntry;
  process: ProcessEntry;
  /** At the engine's first proof, where nothing of its namespace is resident. */
  newlyApart: NearestNamespace | undefined;
}

/** An engine whose scheduler side has proved itself: it may call. */
export interface CallingEngine {
  readonly entry: EngineEntry;
  readonly handle: number;
}

export interface Registry {
  /** What an engine's processes have given; PEGA_NOT_FOUND before the first of them registered. */
  identityOfEngine(engineId: Buffer): Identity;
  /** The request has passed checkRegister, which gave the identity. */
  register(request: RegisterRequest, identity: Identity): { entry: EngineEntry; claim: Claim };
  /** Throws unless the process wrote its nonce into the pool's folder and lives. */
  prove(hello: SessionHello): Proved;
  authorize(caller: Caller | null): CallingEngine;
  engines(): Iterable<EngineEntry>;
  /** Of a namespace that the pool has, its engines may be gone. */
  identityOf(digest: Buffer): Identity | undefined;
  forget(entry: EngineEntry): void;
}

export function createRegistry(pool: Pool, holdFiles: HoldFiles): Registry {
  const engines = new Map<string, EngineEntry>();
  const namespaces = new KnownNamespaces(pool);
  const keyOf = (engineId: Buffer): string => engineId.toString('hex');
  const find = (engineId: Buffer): EngineEntry => {
    const entry = engines.get(keyOf(engineId));
    if (entry === undefined || entry.phase === 'dying') {
      throw new PegaError(
        'PEGA_NOT_FOUND',
        `engine ${keyOf(engineId)} is ${entry === undefined ? 'not registered here' : 'ending: all its processes were dead'}`,
      );
    }
    return entry;
  };
  return {
    identityOfEngine: (engineId) => {
      const entry = engines.get(keyOf(engineId));
      if (entry === undefined) {
        throw notRegistered(keyOf(engineId));
      }
      return entry.identity;
    },
    register: (request, identity) => {
      const key = keyOf(request.engineId);
      refuseEnding(engines.get(key));
      return register(engines, key, request, identity, pool);
    },
    prove: (hello) => {
      checkLength('engine_id', hello.engineId, LIMITS.engineIdBytes);
      checkBoot(pool, hello.bootNumber);
      const entry = find(hello.engineId);
      checkRole(hello.role, hello.rank, entry.identity.rankCount);
      const isFirst = entry.phase === 'registered';
      const process = prove(entry, hello, pool, holdFiles);
      if (isFirst) {
        const resident = namespaces.residentBeside(entry, engines.values());
        entry.nearest = nearestNamespace(entry.identity, resident);
        namespaces.add(entry);
      }
      return { entry, process, newlyApart: isFirst ? entry.nearest : undefined };
    },
    authorize: (caller) => {
      const { engineId, token, bootNumber, watermark } = requireCaller(caller);
      checkBoot(pool, bootNumber);
      const entry = find(engineId);
      const handle = checkToken(entry, token);
      if (watermark > entry.watermark) {
        pool.raiseWatermark(handle, watermark);
        entry.watermark = watermark;
      }
      return { entry, handle };
    },
    engines: () => engines.values(),
    identityOf: (digest) => namespaces.identityOf(digest),
    forget: (entry) => {
      engines.delete(entry.key);
    },
  };
}

function register(
  engines: Map<string, EngineEntry>,
  key: string,
  request: RegisterRequest,
  identity: Identity,
  pool: Pool,
): { entry: EngineEntry; claim: Claim } {
  let entry = engines.get(key);
  if (entry === undefined) {
    entry = newEngine(engines, key, request.engineId, identity, pool);
    engines.set(key, entry);
  } else {
    const difference = identityDifference(identity, entry.identity);
    if (difference !== undefined) {
      throw new PegaError('PEGA_INVALID_ARGUMENT', `engine ${key}: ${difference}`, {
        suggestions: ['register all processes of an engine with one identity'],
      });
    }
  }
  const record = recordOf(request.role, request.rank);
  const process = entry.processes.get(record) ?? newProcess(request.role, request.rank, record);
  entry.processes.set(record, process);
  const claim = {
    nonce: randomBytes(LIMITS.nonceBytes),
    token: randomBytes(LIMITS.nonceBytes),
    device: request.device,
    client: request.client,
    pid: request.pid,
  };
  process.pending = claim;
  entry.registeredAtMs = performance.now();
  return { entry, claim };
}

/**
 * An engine may come back under its id, but not into what its dead processes left: their locks may be
 * free before liveness has looked, and a new lock would keep alive what nobody owns any more.
 */
function refuseEnding(entry: EngineEntry | undefined): void {
  const isEnding =
    entry?.phase === 'dying' || (entry?.phase === 'alive' && entry.view?.anyAlive() === false);
  if (isEnding) {
    throw new PegaError(
      'PEGA_ALREADY_EXISTS',
      `engine ${entry.key} is ending: all its processes were dead`,
      { suggestions: ['register again in a second: the id is free then'] },
    );
  }
}

function notRegistered(key: string): PegaError {
  return new PegaError(
    'PEGA_NOT_FOUND',
    `engine ${key} is not registered here, and this worker gives no identity of its own; required is that the engine's scheduler side registers first`,
    { suggestions: ['register again when the scheduler side has registered'] },
  );
}

function newEngine(
  engines: Map<string, EngineEntry>,
  key: string,
  engineId: Buffer,
  identity: Identity,
  pool: Pool,
): EngineEntry {
  for (const [rank, bytes] of identity.rankSlotBytes.entries()) {
    if (Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES > pool.slabBytes) {
      throw new PegaError(
        'PEGA_INVALID_ARGUMENT',
        `identity.rank_slot_bytes[${rank}] is ${bytes}; a slot must fit a slab of ${formatBytes(pool.slabBytes)}`,
        { suggestions: ['use smaller blocks, or a larger --pool-size (slabs are a 32nd of it)'] },
      );
    }
  }
  const unproved = [...engines.values()].filter(({ phase }) => phase === 'registered').length;
  if (unproved >= UNPROVED_ENGINES_MAX) {
    throw new PegaError(
      'PEGA_LIMIT',
      `${unproved} engines have registered and opened no session; more are not taken`,
      { suggestions: ['wait 30 s: engines that prove nothing are forgotten then'] },
    );
  }
  return {
    key,
    engineId: Buffer.from(engineId), // the request's bytes are a view of its whole message
    identity,
    digest: namespaceDigest(identity),
    processes: new Map(),
    phase: 'registered',
    registeredAtMs: performance.now(),
    view: undefined,
    handle: undefined,
    watermark: 0,
    nearest: undefined,
  };
}

function prove(
  entry: EngineEntry,
  hello: SessionHello,
  pool: Pool,
  holdFiles: HoldFiles,
): ProcessEntry {
  const process = entry.processes.get(recordOf(hello.role, hello.rank));
  const claim = [process?.pending, process?.proved].find(
    (given) => given?.nonce.equals(hello.nonce) === true,
  );
  if (process === undefined || claim === undefined) {
    throw new PegaError(
      'PEGA_NOT_SAME_HOST',
      `the nonce is not the one that this server gave to ${hello.role} ${hello.rank} of engine ${entry.key}`,
      { suggestions: ["register again, and use that answer's nonce"] },
    );
  }
  entry.view ??= holdFiles.open(entry.engineId, entry.identity.rankCount);
  if (!entry.view.proves(process.record, claim.nonce)) {
    throw new PegaError(
      'PEGA_NOT_SAME_HOST',
      `the hold file of engine ${entry.key} in ${pool.folder.path} does not show this process: required are its nonce in record ${process.record} and the lock on that record's byte`,
    );
  }
  entry.handle ??= pool.addEngine(
    pool.openNamespace(entry.digest, entry.identity.hashBytes, entry.identity.rankSlotBytes),
  );
  entry.phase = 'alive';
  if (claim === process.pending) {
    process.proved = claim;
    process.pending = undefined;
    process.report = undefined; // a new process's totals begin at 0
  }
  return process;
}

function checkBoot(pool: Pool, bootNumber: number): void {
  if (bootNumber !== pool.bootNumber) {
    throw new PegaError(
      'PEGA_STALE_BOOT',
      `the call is for boot ${bootNumber}; this server's is ${pool.bootNumber}`,
    );
  }
}

/** The pool's handle of an engine whose scheduler side this token belongs to. */
function checkToken(entry: EngineEntry, token: Buffer): number {
  const proved = entry.processes.get(0)?.proved;
  if (proved === undefined || entry.handle === undefined) {
    throw new PegaError(
      'PEGA_NOT_SAME_HOST',
      `the scheduler side of engine ${entry.key} has not proved that it shares this host's memory`,
      { suggestions: ['create the hold file and open a Session first'] },
    );
  }
  if (token.length !== proved.token.length || !timingSafeEqual(token, proved.token)) {
    throw new PegaError('PEGA_WRONG_OWNER', `the token is not that of engine ${entry.key}`);
  }
  return entry.handle;
}

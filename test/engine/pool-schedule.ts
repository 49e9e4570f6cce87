// Runs one random schedule against the pool and its model, and compares after every step.
//
// A step is a few numbers; what they mean is decided when it runs, by what there is then. So fast-check
// can leave out any step and still has a valid schedule.
import { expect } from 'vitest';

import type { Pool } from '../../src/engine/pool.js';
import { grantAt, hashesOf, hashOf, NO_PARENT, packU32 } from './pool-fixture.js';
import { known, type ModelEngine, type ModelPosition, PoolModel } from './pool-model.js';
import { findOverlap, guaranteedRoom } from './pool-room.js';

export const STEP_KINDS = [
  ...['query', 'query', 'query', 'query', 'query', 'query', 'release', 'release', 'releaseAny'],
  ...['reserve', 'reserve', 'reserve', 'reserve', 'seal', 'seal', 'seal', 'seal', 'seal', 'seal'],
  ...['sealWrong', 'abandon', 'abandonAll', 'abandonAny', 'watermark', 'endLeases', 'endStores'],
] as const;

export interface Step {
  kind: (typeof STEP_KINDS)[number];
  engine: number;
  chain: number;
  length: number;
  from: number;
  pick: number;
}

const NO_CODE = 'no error';
const SHARED_BLOCKS = 3;
const LENGTH_MAX = 6;
const ENGINES = 4;

export class Schedule {
  readonly #pool: Pool;
  readonly #model: PoolModel;
  /** One for each namespace: it looks and holds nothing. */
  readonly #observers = new Map<number, number>();
  readonly #namespaces: number[];
  #nextId = 1;
  #engineCount = 0;

  constructor(pool: Pool, shapes: { ranks: number; slotBytes: number }[]) {
    this.#pool = pool;
    const namespaces = new Map<number, { handle: number; ranks: number; slotBytes: number }>();
    for (const [index, { ranks, slotBytes }] of shapes.entries()) {
      const rankSlotBytes: number[] = Array(ranks).fill(slotBytes - (index % 2) * 5);
      const handle = pool.openNamespace(Buffer.alloc(32, index + 1), 16, rankSlotBytes);
      namespaces.set(handle, { handle, ranks, slotBytes });
      this.#observers.set(handle, pool.addEngine(handle));
    }
    this.#namespaces = [...namespaces.keys()];
    this.#model = new PoolModel(pool.stats().poolBytes, namespaces);
    for (let index = 0; index < ENGINES; index += 1) {
      this.#addEngine();
    }
  }

  async run(steps: Step[]): Promise<void> {
    for (const step of steps) {
      await this.#apply(step);
      await this.#compare();
    }
  }

  #addEngine(): void {
    const namespace = known(this.#namespaces[this.#engineCount % this.#namespaces.length]);
    this.#engineCount += 1;
    this.#model.addEngine(this.#pool.addEngine(namespace), namespace);
  }

  async #apply(step: Step): Promise<void> {
    const engine = choose([...this.#model.engines.values()], step.engine);
    if (engine.leasesEnded && step.kind !== 'endStores') {
      if (step.pick % 4 === 0) {
        return this.#endStores(engine);
      }
      const refused = await codeOf(this.#pool.lookup(engine.handle, hashOf('a')));
      expect(refused).toBe('PEGA_NOT_FOUND');
      return;
    }
    switch (step.kind) {
      case 'query':
        return this.#query(engine, step);
      case 'release':
        return this.#release(engine, choose([...engine.leases.keys()], step.pick));
      case 'releaseAny':
        return this.#release(engine, step.pick % (this.#nextId + 2));
      case 'reserve':
        return this.#reserve(engine, step);
      case 'seal':
        return this.#seal(engine, step);
      case 'sealWrong':
        return this.#sealWrong(engine, step);
      case 'abandon':
        return this.#abandon(engine, step);
      case 'abandonAll':
        return this.#abandonAll(engine, choose([...engine.reservations.keys()], step.pick));
      case 'abandonAny':
        return this.#abandonAll(engine, step.pick % (this.#nextId + 2));
      case 'watermark':
        return this.#raiseWatermark(engine, step);
      case 'endLeases':
        return this.#endLeases(engine, step);
      case 'endStores':
        return this.#endStores(engine);
    }
  }

  /** Mostly the next id; sometimes one that was used, ended or left a tombstone. */
  #idFor({ pick }: Step): number {
    if (pick % 7 === 0) {
      return pick % (this.#nextId + 2);
    }
    this.#nextId += 1;
    return this.#nextId;
  }

  async #query(engine: ModelEngine, step: Step): Promise<void> {
    const keys = chainKeys(engine.namespace, step);
    const local = step.from % 2 === 0 ? 0 : step.from % (keys.length + 1);
    const sealed = await this.#pool.lookup(engine.handle, hashesOf(keys.slice(0, local)));
    expect([...sealed]).toEqual(keys.slice(0, local).map((key) => (this.#isSealed(key) ? 1 : 0)));

    const id = this.#idFor(step);
    const refusal = this.#model.refusal(engine, id);
    const asked = keys.slice(local);
    const answer = this.#pool.lease(engine.handle, id, hashesOf(asked));
    if (refusal !== undefined) {
      expect(await codeOf(answer)).toBe(refusal);
      return;
    }
    const hit = this.#model.hits(engine, asked);
    const { hitBlocks, slots } = await answer;
    expect(hitBlocks).toBe(hit.length);
    const granted = hit.map((key) => known(this.#model.blocks.get(key)).slots);
    expect(slots.equals(Buffer.concat(granted))).toBe(true);
    this.#model.lease(engine, id, hit);
  }

  async #release(engine: ModelEngine, id: number | undefined): Promise<void> {
    if (id === undefined) {
      return;
    }
    const code = await codeOf(this.#pool.release(engine.handle, id));
    expect(code).toBe(engine.reservations.has(id) ? 'PEGA_ID_REUSED' : NO_CODE);
    if (engine.leases.has(id)) {
      this.#model.endLease(engine, id);
    } else if (this.#model.refusal(engine, id) === undefined) {
      engine.tombstones.add(id);
    }
  }

  async #reserve(engine: ModelEngine, step: Step): Promise<void> {
    const keys = chainKeys(engine.namespace, step);
    const start = step.from % 2 === 0 ? 0 : step.from % keys.length;
    const asked = keys.slice(start);
    const parent = keys[start - 1];
    const id = this.#idFor(step);
    const refusal = this.#model.refusal(engine, id);
    const parentHash = parent === undefined ? NO_PARENT : hashOf(parent);
    const room = Math.min(
      this.#model.blocksAllowed(engine),
      guaranteedRoom(this.#pool, this.#model, engine),
    );
    const allowed = this.#model.blocksAllowed(engine);
    const answer = this.#pool.reserve(engine.handle, id, parentHash, hashesOf(asked));
    if (refusal !== undefined) {
      expect(await codeOf(answer)).toBe(refusal);
      return;
    }
    const before = asked.map((key) => this.#model.blocks.get(key)?.state);
    const { outcomes, reserved } = await answer;
    await this.#seeEvictions(engine);

    const missing = before.filter((state) => state === undefined).length;
    const granted = [...outcomes].filter((outcome) => outcome === 0).length;
    expect(granted).toBeLessThanOrEqual(Math.min(allowed, missing));
    expect(granted).toBeGreaterThanOrEqual(Math.min(room, missing));
    const positions = asked.map((key, index): ModelPosition => {
      const known = before[index];
      const outcome = outcomes[index];
      if (known !== undefined) {
        expect(outcome).toBe(known === 'sealed' ? 1 : 2);
        return { key, state: 'none', generations: NO_PARENT };
      }
      if (outcome !== 0) {
        expect(outcome).toBe(3);
        this.#model.totals.full += 1;
        return { key, state: 'none', generations: NO_PARENT };
      }
      const { slots, generations } = grantAt(reserved, index, this.#ranksOf(engine));
      this.#model.grant(engine, key, keys[start + index - 1], slots);
      return { key, state: 'open', generations };
    });
    engine.reservations.set(id, positions);
    expect(findOverlap(this.#model)).toBeUndefined();
  }

  /** Asks for every block that should be there; those that are not must have been evictable. */
  async #seeEvictions(evictor: ModelEngine): Promise<void> {
    const evicted = this.#pool.stats().evictedTotal - this.#model.totals.evicted;
    if (evicted === 0) {
      return;
    }
    const gone: string[] = [];
    for (const [namespace, observer] of this.#observers) {
      // Children first, so that looking leaves each parent warmer than its children.
      const sealed = [...this.#model.blocks.values()]
        .filter((block) => block.namespace === namespace && block.state === 'sealed')
        .sort((one, other) => depthOf(one.key) - depthOf(other.key))
        .map(({ key }) => key);
      const found = await this.#pool.lookup(observer, hashesOf(sealed));
      gone.push(...sealed.filter((_, index) => found[index] === 0));
    }
    expect(gone.length).toBe(evicted);
    expect(this.#model.evict(gone, evictor)).toBeUndefined();
  }

  async #seal(engine: ModelEngine, step: Step): Promise<void> {
    const id = choose([...engine.reservations.keys()], step.pick);
    if (id === undefined) {
      return;
    }
    const positions = known(engine.reservations.get(id));
    const sealable = [...positions.keys()].filter((index) => positions[index]?.state !== 'none');
    const wanted = subset(step.pick % 8 === 0 ? [...positions.keys()] : sealable, step.from);
    const chosen = wanted.map((index) => known(positions[index]));
    const generations = chosen.map((position) =>
      position.generations.length > 0 ? position.generations : this.#zeros(engine),
    );
    const call = this.#pool.seal(engine.handle, id, packU32(wanted), Buffer.concat(generations));
    if (chosen.some(({ state }) => state === 'none' || state === 'abandoned')) {
      expect(await codeOf(call)).toBe('PEGA_NOT_RESERVED');
      return;
    }
    const open = chosen.filter(({ state }) => state === 'open');
    expect(await call).toBe(open.length);
    for (const position of open) {
      this.#model.seal(position);
    }
    this.#model.forgetPassed(engine);
  }

  /** A generation that was not granted, an index beyond the end, an id that is not open: nothing changes. */
  async #sealWrong(engine: ModelEngine, step: Step): Promise<void> {
    const id = choose([...engine.reservations.keys()], step.pick) ?? this.#nextId + 5;
    const positions = engine.reservations.get(id) ?? [];
    const index = positions.findIndex(({ state }) => state === 'open' || state === 'sealed');
    const generations = Buffer.from(positions[index]?.generations ?? this.#zeros(engine));
    const beyond = index < 0 || step.from % 2 === 0;
    if (!beyond) {
      const last = generations.length - 8;
      generations.writeBigUInt64LE(generations.readBigUInt64LE(last) + 1n, last);
    }
    const indices = packU32([beyond ? positions.length : index]);
    const call = this.#pool.seal(engine.handle, id, indices, generations);
    expect(await codeOf(call)).toBe('PEGA_NOT_RESERVED');
  }

  async #abandon(engine: ModelEngine, step: Step): Promise<void> {
    const id = choose([...engine.reservations.keys()], step.pick);
    const positions = id === undefined ? [] : known(engine.reservations.get(id));
    const wanted = subset([...positions.keys()], step.from);
    if (id === undefined || wanted.length === 0) {
      return;
    }
    await this.#pool.abandon(engine.handle, id, packU32(wanted));
    for (const index of wanted) {
      this.#model.abandon(known(positions[index]));
    }
    this.#model.forgetPassed(engine);
  }

  async #abandonAll(engine: ModelEngine, id: number | undefined): Promise<void> {
    if (id === undefined) {
      return;
    }
    const code = await codeOf(this.#pool.abandon(engine.handle, id));
    expect(code).toBe(engine.leases.has(id) ? 'PEGA_ID_REUSED' : NO_CODE);
    if (engine.reservations.has(id)) {
      this.#model.endReservation(engine, id);
    } else if (this.#model.refusal(engine, id) === undefined) {
      engine.tombstones.add(id);
    }
  }

  #raiseWatermark(engine: ModelEngine, { pick }: Step): void {
    const watermark = pick % (this.#nextId + 1);
    this.#pool.raiseWatermark(engine.handle, watermark);
    engine.watermark = Math.max(engine.watermark, watermark);
    this.#model.forgetPassed(engine);
  }

  async #endLeases(engine: ModelEngine, { pick }: Step): Promise<void> {
    if (pick % 3 !== 0) {
      return; // engines should live for a while
    }
    await this.#pool.endLeases(engine.handle);
    for (const id of [...engine.leases.keys()]) {
      this.#model.endLease(engine, id);
    }
    engine.leasesEnded = true;
  }

  async #endStores(engine: ModelEngine): Promise<void> {
    const code = await codeOf(this.#pool.endStores(engine.handle));
    expect(code).toBe(engine.leasesEnded ? NO_CODE : 'PEGA_INVALID_ARGUMENT');
    if (!engine.leasesEnded) {
      return;
    }
    for (const id of [...engine.reservations.keys()]) {
      this.#model.endReservation(engine, id);
    }
    this.#model.engines.delete(engine.handle);
    this.#addEngine();
  }

  async #compare(): Promise<void> {
    const model = this.#model;
    const engines = [...model.engines.values()];
    const sum = (count: (engine: ModelEngine) => number) =>
      engines.reduce((total, engine) => total + count(engine), 0);
    expect(this.#pool.stats()).toMatchObject({
      usedBytes: model.sumBytes(() => true),
      pinnedBytes: model.sumBytes(({ pins }) => pins.size > 0),
      blocksReserved: model.count(({ state }) => state === 'reserved'),
      blocksSealed: model.count(({ state }) => state === 'sealed'),
      blocksPinned: model.count(({ pins }) => pins.size > 0),
      leases: sum(({ leases }) => leases.size),
      reservations: sum(({ reservations }) => reservations.size),
      tombstones: sum(({ tombstones }) => tombstones.size),
      reservedTotal: model.totals.reserved,
      sealedTotal: model.totals.sealed,
      abandonedTotal: model.totals.abandoned,
      evictedTotal: model.totals.evicted,
      fullTotal: model.totals.full,
      lostTotal: 0,
    });
    const held = new Map(this.#pool.engines().map(({ handle, heldBytes }) => [handle, heldBytes]));
    for (const engine of engines) {
      expect(held.get(engine.handle)).toBe(model.heldBytes(engine));
    }
    this.#pool.checkInvariants();
  }

  #isSealed(key: string): boolean {
    return this.#model.blocks.get(key)?.state === 'sealed';
  }

  #ranksOf({ namespace }: ModelEngine): number {
    return known(this.#model.namespaces.get(namespace)).ranks;
  }

  #zeros(engine: ModelEngine): Buffer {
    return Buffer.alloc(this.#ranksOf(engine) * 8);
  }
}

/** Chains of a namespace share their first blocks with every third one. */
function chainKeys(namespace: number, { chain, length }: Step): string[] {
  return Array.from({ length: 1 + (length % LENGTH_MAX) }, (_, depth) =>
    depth < SHARED_BLOCKS
      ? `${namespace}/s${chain % 3}/${depth}`
      : `${namespace}/c${chain}/${depth}`,
  );
}

function depthOf(key: string): number {
  return Number(key.split('/')[2]);
}

function choose<T>(from: T[], pick: number): T;
function choose<T>(from: T[], pick: number): T | undefined {
  return from[pick % from.length];
}

/** Some of them, by the bits of a number; all when it has none. */
function subset(of: number[], bits: number): number[] {
  const some = of.filter((index) => (bits >> (index % 16)) & 1);
  return some.length > 0 ? some : of;
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return NO_CODE;
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

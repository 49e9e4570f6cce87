// A plain model of the pool for pool.property.test.ts: what must be true, written without looking at how
// the native pool does it. It predicts everything that the contract defines; where eviction chooses, the
// test tells the model what went and the model says whether that was allowed.

export interface ModelNamespace {
  handle: number;
  ranks: number;
  /** Padded bytes of one rank's slot; all ranks of a namespace have the same here. */
  slotBytes: number;
}

export interface ModelBlock {
  key: string;
  namespace: number;
  /** The block before it in its chain, if it was there when this one was reserved. */
  parent: ModelBlock | undefined;
  state: 'reserved' | 'sealed';
  /** Leases that use it, by engine. */
  pins: Map<number, number>;
  /** The engine that reserved it, while it is reserved. */
  writer: number | undefined;
  /** ranks × 8 bytes, as Reserve granted them. */
  slots: Buffer;
  /** Counts seals: which of two blocks was sealed first. */
  sealedAt: number;
}

export interface ModelPosition {
  key: string;
  state: 'none' | 'open' | 'sealed' | 'abandoned';
  generations: Buffer;
}

export interface ModelEngine {
  handle: number;
  namespace: number;
  leases: Map<number, string[]>;
  reservations: Map<number, ModelPosition[]>;
  tombstones: Set<number>;
  finished: Set<number>;
  watermark: number;
  leasesEnded: boolean;
}

export class PoolModel {
  readonly blocks = new Map<string, ModelBlock>();
  readonly engines = new Map<number, ModelEngine>();
  readonly totals = { reserved: 0, sealed: 0, abandoned: 0, evicted: 0, full: 0 };

  constructor(
    readonly poolBytes: number,
    readonly namespaces: Map<number, ModelNamespace>,
  ) {}

  addEngine(handle: number, namespace: number): void {
    this.engines.set(handle, {
      handle,
      namespace,
      leases: new Map(),
      reservations: new Map(),
      tombstones: new Set(),
      finished: new Set(),
      watermark: 0,
      leasesEnded: false,
    });
  }

  blockBytes(namespace: number): number {
    const { ranks, slotBytes } = known(this.namespaces.get(namespace));
    return ranks * slotBytes;
  }

  /** Leased or reserved by the engine, each block once. */
  heldBytes(engine: ModelEngine): number {
    const held = [...this.blocks.values()].filter(
      ({ pins, writer }) => pins.has(engine.handle) || writer === engine.handle,
    );
    return held.length * this.blockBytes(engine.namespace);
  }

  /** How many blocks more the engine may hold. */
  blocksAllowed(engine: ModelEngine): number {
    const left = this.poolBytes / 2 - this.heldBytes(engine);
    return Math.max(0, Math.floor(left / this.blockBytes(engine.namespace)));
  }

  /** The error with which a lease or reservation of this id is refused. */
  refusal(engine: ModelEngine, id: number): string | undefined {
    const used = engine.leases.has(id) || engine.reservations.has(id) || engine.finished.has(id);
    if (id < engine.watermark || used) {
      return 'PEGA_ID_REUSED';
    }
    return engine.tombstones.has(id) ? 'PEGA_CANCELLED' : undefined;
  }

  /** The longest prefix that is sealed and that the engine may still pin. */
  hits(engine: ModelEngine, keys: string[]): string[] {
    let allowed = this.blocksAllowed(engine);
    const hit: string[] = [];
    for (const key of keys) {
      const block = this.blocks.get(key);
      if (block?.state !== 'sealed' || (!block.pins.has(engine.handle) && allowed === 0)) {
        break;
      }
      allowed -= block.pins.has(engine.handle) || hit.includes(key) ? 0 : 1;
      hit.push(key);
    }
    return hit;
  }

  lease(engine: ModelEngine, id: number, keys: string[]): void {
    engine.leases.set(id, keys);
    for (const key of keys) {
      const { pins } = known(this.blocks.get(key));
      pins.set(engine.handle, (pins.get(engine.handle) ?? 0) + 1);
    }
  }

  endLease(engine: ModelEngine, id: number): void {
    for (const key of known(engine.leases.get(id))) {
      const { pins } = known(this.blocks.get(key));
      const left = known(pins.get(engine.handle)) - 1;
      if (left === 0) {
        pins.delete(engine.handle);
      } else {
        pins.set(engine.handle, left);
      }
    }
    engine.leases.delete(id);
    engine.finished.add(id);
  }

  grant(engine: ModelEngine, key: string, parent: string | undefined, slots: Buffer): void {
    this.blocks.set(key, {
      key,
      namespace: engine.namespace,
      parent: parent === undefined ? undefined : this.blocks.get(parent),
      state: 'reserved',
      pins: new Map(),
      writer: engine.handle,
      slots,
      sealedAt: 0,
    });
    this.totals.reserved += 1;
  }

  seal(position: ModelPosition): void {
    const block = known(this.blocks.get(position.key));
    block.state = 'sealed';
    block.writer = undefined;
    position.state = 'sealed';
    this.totals.sealed += 1;
    block.sealedAt = this.totals.sealed;
  }

  abandon(position: ModelPosition): void {
    if (position.state !== 'open') {
      return;
    }
    this.blocks.delete(position.key);
    position.state = 'abandoned';
    this.totals.abandoned += 1;
  }

  endReservation(engine: ModelEngine, id: number): void {
    known(engine.reservations.get(id)).forEach((position) => {
      this.abandon(position);
    });
    engine.reservations.delete(id);
    engine.finished.add(id);
  }

  /** Below the watermark nothing is kept of ids under which nothing is open. */
  forgetPassed(engine: ModelEngine): void {
    const passed = (id: number) => id < engine.watermark;
    for (const [id, keys] of engine.leases) {
      if (passed(id) && keys.length === 0) {
        engine.leases.delete(id);
      }
    }
    for (const [id, positions] of engine.reservations) {
      if (passed(id) && positions.every(({ state }) => state !== 'open')) {
        engine.reservations.delete(id);
      }
    }
    for (const id of [...engine.tombstones].filter(passed)) {
      engine.tombstones.delete(id);
    }
  }

  /** What is wrong with this choice of evicted blocks; undefined when it was allowed. */
  evict(keys: string[], evictor: ModelEngine): string | undefined {
    const going = new Set(keys);
    for (const key of keys) {
      const block = known(this.blocks.get(key));
      if (block.state !== 'sealed' || block.pins.size > 0) {
        return `${key} was evicted although it is ${block.state} with ${block.pins.size} pins`;
      }
      // A slab taken from another namespace takes what lies in it; within one, chains lose their end
      // first, except where a parent was reserved or sealed later than its child.
      const orphan =
        block.namespace === evictor.namespace &&
        [...this.blocks.values()].find(
          (child) =>
            child.parent === block &&
            evictable(child) &&
            !going.has(child.key) &&
            child.sealedAt > block.sealedAt,
        );
      if (orphan) {
        return `${key} was evicted before its child ${orphan.key}`;
      }
    }
    for (const key of keys) {
      this.blocks.delete(key);
    }
    this.totals.evicted += keys.length;
    return undefined;
  }

  count(test: (block: ModelBlock) => boolean): number {
    return [...this.blocks.values()].filter(test).length;
  }

  sumBytes(test: (block: ModelBlock) => boolean): number {
    return [...this.blocks.values()]
      .filter(test)
      .reduce((sum, { namespace }) => sum + this.blockBytes(namespace), 0);
  }
}

export function evictable(block: ModelBlock): boolean {
  return block.state === 'sealed' && block.pins.size === 0;
}

export function known<T>(value: T | undefined): T {
  if (value === undefined) {
    throw new Error('the model asked for something that it does not have');
  }
  return value;
}

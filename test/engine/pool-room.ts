// Bounds of what Reserve can grant, from the model's blocks and the slabs' view: how much room there must
// be, and that no two living blocks share a byte.
import type { Pool } from '../../src/engine/pool.js';
import { evictable, known, type ModelEngine, type PoolModel } from './pool-model.js';

const PAGE_BYTES = 4096;

/** Blocks for which Reserve must find room, the engine's own limit aside. */
export function guaranteedRoom(pool: Pool, model: PoolModel, engine: ModelEngine): number {
  const { ranks, slotBytes } = known(model.namespaces.get(engine.namespace));
  const slabs = pool.slabs();
  const own = slabs.filter(
    ({ state, namespace }) => state === 'cut' && namespace === engine.namespace,
  );
  const perSlab = Math.floor(pool.slabBytes / slotBytes);
  const freeSlots =
    own.reduce((sum, { slots, slotsUsed }) => sum + slots - slotsUsed, 0) +
    slabs.filter(({ state }) => state === 'free').length * perSlab;
  const evictableBlocks = model.count(
    (block) => block.namespace === engine.namespace && evictable(block),
  );
  const room = Math.floor((freeSlots + evictableBlocks * ranks) / ranks);
  // A class without a slab takes one of another class, if one is free of pins and reservations.
  return room === 0 && own.length === 0 && foreignSlabWithoutHolds(pool, model, engine)
    ? Math.floor(perSlab / ranks)
    : room;
}

function foreignSlabWithoutHolds(pool: Pool, model: PoolModel, engine: ModelEngine): boolean {
  const held = new Set<number>();
  for (const block of model.blocks.values()) {
    if (!evictable(block)) {
      for (const { ordinal } of addresses(block.slots)) {
        held.add(ordinal);
      }
    }
  }
  return pool
    .slabs()
    .some(
      ({ state, namespace, ordinal }) =>
        state === 'cut' && namespace !== engine.namespace && !held.has(ordinal),
    );
}

/** What two living blocks share, if they do. */
export function findOverlap(model: PoolModel): string | undefined {
  const owners = new Map<string, string>();
  for (const block of model.blocks.values()) {
    const { slotBytes } = known(model.namespaces.get(block.namespace));
    for (const { ordinal, page } of addresses(block.slots)) {
      for (let at = page; at < page + slotBytes / PAGE_BYTES; at += 1) {
        const place = `${ordinal}:${at}`;
        const other = owners.get(place);
        if (other !== undefined) {
          return `${other} and ${block.key} share page ${place}`;
        }
        owners.set(place, block.key);
      }
    }
  }
  return undefined;
}

function addresses(slots: Buffer): { ordinal: number; page: number }[] {
  return Array.from({ length: slots.length / 8 }, (_, index) => ({
    ordinal: slots.readUInt32LE(index * 8),
    page: slots.readUInt32LE(index * 8 + 4),
  }));
}

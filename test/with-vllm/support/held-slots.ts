// What lies in the slots that engines hold, read from the slab files: whether a store is half written.

import { createHash } from 'node:crypto';
import { closeSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { PAGE_BYTES } from '../../../src/limits.js';
import { connectPega } from '../../../src/rpc/client.js';
import type { PegaServer } from './pega-server.js';

export interface HeldSlots {
  /** Some slot has content at one end and, never written before, none at the other. */
  halfWritten(): boolean;
  /** Of all their bytes. */
  digest(): string;
  close(): void;
}

interface SlotPlace {
  descriptor: number;
  offset: number;
}

/** The slots that are held now; `slotBytes` each. */
export async function openHeldSlots(server: PegaServer, slotBytes: number): Promise<HeldSlots> {
  const slabPages = (await slabBytesOf(server)) / PAGE_BYTES;
  const slotPages = slotBytes / PAGE_BYTES;
  const descriptors = openSlabs(server.path);
  const starts = [...server.heldPages()].filter((page) => (page % slabPages) % slotPages === 0);
  const places = starts.map((page): SlotPlace => {
    const descriptor = descriptors.get(Math.floor(page / slabPages));
    if (descriptor === undefined) {
      throw new Error(`page ${page} lies in no slab`);
    }
    return { descriptor, offset: (page % slabPages) * PAGE_BYTES };
  });
  const word = Buffer.alloc(8);
  const isWritten = ({ descriptor, offset }: SlotPlace, at: number): boolean => {
    readSync(descriptor, word, 0, word.length, offset + at);
    return word.some((byte) => byte !== 0);
  };
  return {
    halfWritten: () =>
      places.some((place) => isWritten(place, 0) !== isWritten(place, slotBytes - word.length)),
    digest: () => {
      const hash = createHash('sha256');
      const bytes = Buffer.alloc(slotBytes);
      for (const { descriptor, offset } of places) {
        readSync(descriptor, bytes, 0, slotBytes, offset);
        hash.update(bytes);
      }
      return hash.digest('hex');
    },
    close: () => {
      for (const descriptor of descriptors.values()) {
        closeSync(descriptor);
      }
    },
  };
}

async function slabBytesOf({ socket }: PegaServer): Promise<number> {
  const client = connectPega({ socket });
  try {
    return (await client.getPool({})).slabBytes;
  } finally {
    client.close();
  }
}

function openSlabs(path: string): Map<number, number> {
  const names = readdirSync(path, { recursive: true, encoding: 'utf8' });
  return new Map(
    names.flatMap((name) => {
      const ordinal = /slab-[0-9a-f]+-(\d+)-[0-9a-f]+$/.exec(name)?.[1];
      return ordinal === undefined ? [] : [[Number(ordinal), openSync(join(path, name), 'r')]];
    }),
  );
}

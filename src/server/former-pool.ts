// What a server that did not stop orderly left in the pool's folder.
//
// Only looks; the pool's own start clears slabs and marks, and nothing here may be called with less
// care than that: another server may be running on the folder.

import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** pega-UID within --pool-dir or --slab-dir; native/shared/pool_folder.h makes it. */
export function poolFolderIn(dir: string): string {
  return join(dir, `pega-${process.getuid?.() ?? 0}`);
}

/** Bytes of memory behind the slab files that a new server will unlink. */
export function formerSlabBytes(folder: string): number {
  let bytes = 0;
  for (const name of filesIn(folder)) {
    if (name.startsWith('slab-')) {
      bytes += (statSync(join(folder, name), { throwIfNoEntry: false })?.blocks ?? 0) * 512;
    }
  }
  return bytes;
}

/** Hold files of other pools than this one: their engines may still live. */
export function formerHoldFiles(folder: string, poolId: Buffer): string[] {
  const own = `hold-${poolId.toString('hex')}-`;
  return filesIn(folder)
    .filter((name) => /^hold-[0-9a-f]{32}-[0-9a-f]{32}$/.test(name) && !name.startsWith(own))
    .map((name) => join(folder, name));
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // no folder yet: no former pool
  }
}

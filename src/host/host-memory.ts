// Whether the machine has room for the pool, decided before a byte is touched: free RAM, free space
// of the folder, and what every cgroup above still allows. First touch charges the server.
//
// Memory of a former pool counts as taken until its engines have unmapped it; server.ts clears that
// pool's files first and then waits here, at most 2 s.

import { readFileSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PegaError } from '../errors.js';
import { formatBytes } from '../units.js';
import { cgroupBounds, type MemoryBound } from './cgroup-memory.js';
import { readNumber } from './read-text.js';

export type { MemoryBound } from './cgroup-memory.js';

const HUGETLBFS_MAGIC = 0x958458f6;
const DOCKER_SHM_BYTES = 64 * 1024 ** 2;
const UNMAP_WITHIN_MS = 2000;
const LOOK_EVERY_MS = 25;

export interface FolderSpace {
  freeBytes: number;
  totalBytes: number;
  type: number;
  /** hugetlbfs: the size of its pages. */
  blockBytes: number;
}

/** Where the numbers come from; tests give their own. */
export interface MemorySources {
  root: string;
  statfs: (folder: string) => FolderSpace;
}

export const HOST: MemorySources = {
  root: '/',
  statfs: (folder) => {
    const { bavail, blocks, bsize, type } = statfsSync(folder);
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize, type, blockBytes: bsize };
  },
};

/** Everything that bounds a pool whose slabs lie in `slabFolder`. */
export function memoryBounds(slabFolder: string, sources: MemorySources = HOST): MemoryBound[] {
  const space = statfs(slabFolder, sources);
  const folder = { what: `the file system of ${slabFolder}`, freeBytes: space.freeBytes };
  if (space.type === HUGETLBFS_MAGIC) {
    // They are set aside already: neither free RAM nor memory.max counts them. A mount without a size
    // of its own reports nothing.
    const pages = freeHugePages(space.blockBytes, sources);
    return space.totalBytes === 0 ? [pages] : [folder, pages];
  }
  return [folder, ...freeRam(sources), ...cgroupBounds(sources.root)];
}

/** Throws PEGA_NO_SPACE with both numbers when `bytes` more do not fit. */
export function refuseIfTooLarge(
  bytes: number,
  slabFolder: string,
  sources: MemorySources = HOST,
): void {
  const tightest = tightestBound(memoryBounds(slabFolder, sources));
  if (tightest !== undefined && tightest.freeBytes < bytes) {
    throw new PegaError(
      'PEGA_NO_SPACE',
      `the pool needs ${formatBytes(bytes)} (${bytes} bytes), ${tightest.what} has ${formatBytes(tightest.freeBytes)} (${tightest.freeBytes} bytes) free`,
      { suggestions: remedies(slabFolder, bytes, sources) },
    );
  }
}

/** The same, after giving engines of a former pool time to unmap its slabs. */
export async function refuseIfStillTooLarge(
  bytes: number,
  slabFolder: string,
  sources: MemorySources = HOST,
): Promise<void> {
  const deadline = performance.now() + UNMAP_WITHIN_MS;
  while (performance.now() < deadline) {
    const tightest = tightestBound(memoryBounds(slabFolder, sources));
    if (tightest === undefined || tightest.freeBytes >= bytes) {
      return;
    }
    await sleep(LOOK_EVERY_MS);
  }
  refuseIfTooLarge(bytes, slabFolder, sources);
}

function tightestBound(bounds: MemoryBound[]): MemoryBound | undefined {
  return bounds.reduce<MemoryBound | undefined>(
    (least, bound) => (least === undefined || bound.freeBytes < least.freeBytes ? bound : least),
    undefined,
  );
}

function remedies(slabFolder: string, bytes: number, sources: MemorySources): string[] {
  const suggestions = ['choose a smaller --pool-size, or free memory'];
  const { type, blockBytes, totalBytes } = statfs(slabFolder, sources);
  if (type === HUGETLBFS_MAGIC) {
    const pages = Math.ceil(bytes / blockBytes);
    suggestions.unshift(
      `as root on the host: echo ${pages} > ${hugePageFolder(blockBytes)}/nr_hugepages`,
    );
  } else if (totalBytes === DOCKER_SHM_BYTES) {
    const gigabytes = Math.ceil((bytes * 1.05) / 1024 ** 3);
    suggestions.unshift(
      `${slabFolder} has the 64 MiB that Docker gives by default: start the container with --shm-size=${gigabytes}g or --ipc=host`,
    );
  }
  return suggestions;
}

function statfs(folder: string, sources: MemorySources): FolderSpace {
  try {
    return sources.statfs(folder);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new PegaError('PEGA_IO', `the folder ${folder} cannot be used for the pool: ${why}`, {
      suggestions: ['name an existing tmpfs folder with --pool-dir, /dev/shm for one'],
      cause,
    });
  }
}

/** Free and not promised to anybody, and those that the kernel may still make. */
function freeHugePages(pageBytes: number, sources: MemorySources): MemoryBound {
  const folder = join(sources.root, hugePageFolder(pageBytes));
  const read = (file: string): number => readNumber(join(folder, file)) ?? 0;
  const set = read('free_hugepages') - read('resv_hugepages');
  const more = Math.max(0, read('nr_overcommit_hugepages') - read('surplus_hugepages'));
  const what = `this machine's reserve of ${formatBytes(pageBytes)} pages`;
  return { what, freeBytes: (set + more) * pageBytes };
}

function hugePageFolder(pageBytes: number): string {
  return `/sys/kernel/mm/hugepages/hugepages-${pageBytes / 1024}kB`;
}

function freeRam(sources: MemorySources): MemoryBound[] {
  const text = readFileSync(join(sources.root, 'proc/meminfo'), 'utf8');
  const kilobytes = /^MemAvailable:\s+(\d+) kB$/m.exec(text)?.[1];
  return kilobytes === undefined
    ? []
    : [{ what: 'this machine (MemAvailable)', freeBytes: Number(kilobytes) * 1024 }];
}

// Whether slabs for a run have room in their folder and in memory, decided before a byte is touched.
import { PegaError } from '../../errors.js';
import { memoryBounds } from '../../host/host-memory.js';
import { formatBytes } from '../../units.js';

const DOCKER_SHM_BYTES = 64 * 1024 ** 2;

/** Throws PEGA_NO_SPACE with both numbers. */
export function requireSlabRoom(bytes: number, slabFolder: string): void {
  const bounds = memoryBounds(slabFolder).sort((a, b) => a.freeBytes - b.freeBytes);
  const [tightest] = bounds;
  if (tightest === undefined || tightest.freeBytes >= bytes) {
    return;
  }
  const small = [
    'take fewer --slots, smaller --segment-bytes, or --quick; --link-size is part of it',
  ];
  const docker =
    tightest.freeBytes <= DOCKER_SHM_BYTES
      ? [
          `start the container with --shm-size=${Math.ceil((bytes * 1.05) / 1024 ** 3)}g or --ipc=host`,
        ]
      : [];
  throw new PegaError(
    'PEGA_NO_SPACE',
    `slabs for these scenarios need ${formatBytes(bytes)}, ${tightest.what} has ${formatBytes(tightest.freeBytes)} free`,
    { suggestions: [...docker, ...small] },
  );
}

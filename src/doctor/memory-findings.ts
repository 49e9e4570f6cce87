// Shared memory and its limits against what a pool needs. Pure.
import type { MemoryBound } from '../host/host-memory.js';
import { givesHugePages, type MemoryLimits, type Mount } from '../host/memory-limits.js';
import { formatBytes } from '../units.js';
import { findingsOf, type HostFinding } from './host-finding.js';

const { ok, note, problem } = findingsOf('memory');

export interface MemoryFacts {
  limits: MemoryLimits;
  /** Where slabs lie. */
  folder: string;
  /** Of its file system. */
  totalBytes: number;
  freeBytes: number;
  /** Everything that bounds a pool there. */
  bounds: MemoryBound[];
  mount: Mount | null;
  poolBytes: number;
  /** Somebody asked for a pool of just this size. */
  poolBytesNamed: boolean;
  cores: number;
  container: string | null;
}

const GIB = 1024 ** 3;
const DOCKER_SHM_BYTES = 64 * 1024 ** 2;
/** MADV_POPULATE_WRITE. */
const KERNEL_LEAST: readonly [number, number] = [5, 14];
const HUGE_PAGES_GAIN =
  'Measured for 8 GiB on an H100 host with 16 threads: 1.7 s to fill, 0.57 s to map and 0.42 s to register with 4 KiB pages; 0.17, 0.005 and 0.2 s with huge pages; copies run at the same rate';

export function memoryFindings(facts: MemoryFacts): HostFinding[] {
  return [
    kernelFinding(facts.limits.kernel),
    roomFinding(facts),
    hugePagesFinding(facts),
    hugetlbFinding(facts.limits),
    swapFinding(facts.limits),
    ok('processors', 'processors', processors(facts)),
  ];
}

function processors({ cores, limits: { numaNodes } }: MemoryFacts): string {
  return `${cores} for this process${numaNodes > 1 ? `, ${numaNodes} NUMA nodes` : ''}; a pool is filled by as many threads, at most 16`;
}

function kernelFinding(kernel: string): HostFinding {
  const [major = 0, minor = 0] = kernel.split('.').map(Number.parseFloat);
  const [leastMajor, leastMinor] = KERNEL_LEAST;
  return major > leastMajor || (major === leastMajor && minor >= leastMinor)
    ? ok('kernel', 'kernel', `Linux ${kernel}`)
    : problem('kernel', 'kernel', {
        found: `Linux ${kernel}`,
        required: `Linux ${leastMajor}.${leastMinor} or later: it takes memory ahead of use (MADV_POPULATE_WRITE)`,
        advice: 'install a newer kernel',
      });
}

function roomFinding(facts: MemoryFacts): HostFinding {
  const { folder, totalBytes, poolBytes, container } = facts;
  const tightest = tightestOf(facts);
  const found = `${formatBytes(totalBytes)}, ${formatBytes(tightest.freeBytes)} free for a pool (${tightest.what})`;
  const required = `${formatBytes(poolBytes)} for the pool`;
  if (tightest.freeBytes >= poolBytes) {
    return ok('room', folder, found);
  }
  if (totalBytes === DOCKER_SHM_BYTES) {
    return problem('room', folder, {
      found: `the 64 MiB that Docker gives by default${container === null ? '' : ` (${container})`}`,
      required,
      advice: `start the container with --shm-size=${Math.ceil((poolBytes * 1.05) / GIB)}g, or --ipc=host`,
    });
  }
  const fitting = Math.floor((tightest.freeBytes * 0.9) / GIB);
  const advice =
    fitting >= 1
      ? `pega serve --pool-size ${fitting}gb, or free memory`
      : 'free memory, or raise the limit that is named';
  return facts.poolBytesNamed
    ? problem('room', folder, { found, required, advice })
    : note('room', folder, { found, required: `${required} that is the default`, advice });
}

export function tightestOf({
  bounds,
  freeBytes,
  folder,
}: Pick<MemoryFacts, 'bounds' | 'freeBytes' | 'folder'>): MemoryBound {
  return bounds.reduce((least, bound) => (bound.freeBytes < least.freeBytes ? bound : least), {
    what: `the file system of ${folder}`,
    freeBytes,
  });
}

function hugePagesFinding({ limits, mount, folder }: MemoryFacts): HostFinding {
  const { shmemEnabled } = limits;
  const [id, check] = ['huge-pages', 'huge pages'];
  if (mount?.type === 'hugetlbfs') {
    return ok(id, check, `${folder} is hugetlbfs`);
  }
  const option = mount?.options.find((word) => word.startsWith('huge=')) ?? 'no huge=';
  const now = `${mount?.point ?? folder} is mounted with ${option}, shmem_enabled is ${shmemEnabled ?? 'not there'}`;
  if (givesHugePages(limits, mount)) {
    return ok(id, check, now);
  }
  const allow =
    shmemEnabled === 'deny'
      ? 'echo never > /sys/kernel/mm/transparent_hugepage/shmem_enabled; '
      : '';
  const advice =
    shmemEnabled === null
      ? 'set hugetlb pages aside and name a hugetlbfs folder with --slab-dir'
      : `as root on the host: ${allow}mount -o remount,huge=advise ${mount?.point ?? folder}`;
  return note(id, check, { found: `4 KiB pages: ${now}. ${HUGE_PAGES_GAIN}`, advice });
}

/** Nothing is lacking where there are none: they are one of two ways to huge pages. */
function hugetlbFinding({ hugetlb }: MemoryLimits): HostFinding {
  const pools = hugetlb
    .filter(({ pages }) => pages > 0)
    .map(
      ({ pageBytes, pages, freePages }) =>
        `${freePages} of ${pages} pages of ${formatBytes(pageBytes)} free`,
    );
  return ok(
    'hugetlb',
    'hugetlb',
    pools.length === 0 ? 'no pages set aside (for --slab-dir on a hugetlbfs)' : pools.join(', '),
  );
}

function swapFinding({ swapBytes }: MemoryLimits): HostFinding {
  return swapBytes === null || swapBytes === 0
    ? ok('swap', 'swap', 'none')
    : note('swap', 'swap', {
        found: `${formatBytes(swapBytes)}: memory of a pool in tmpfs can be swapped out as long as no worker on a GPU has it registered`,
        advice: 'swapoff -a, or keep memory free',
      });
}

/** @param registeredBytes that a GPU's driver took in the copy; null: none did. */
export function memlockFinding(limits: MemoryLimits, registeredBytes: number | null): HostFinding {
  const [id, check] = ['memlock', 'memlock'];
  const limit = limits.memlockBytes;
  if (limit === null) {
    return ok(id, check, 'unlimited');
  }
  const found = formatBytes(limit);
  if (registeredBytes !== null && registeredBytes > limit) {
    return ok(
      id,
      check,
      `${found}; the driver registered ${formatBytes(registeredBytes)} all the same`,
    );
  }
  return note(id, check, {
    found: `${found}: whether a driver counts registered memory against it was not seen here`,
    required: 'unlimited, to be on the safe side',
    advice: 'ulimit -l unlimited (Docker: --ulimit memlock=-1; systemd: LimitMEMLOCK=infinity)',
  });
}

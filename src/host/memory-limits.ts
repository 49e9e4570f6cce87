// What bounds and shapes shared memory on this machine, from /proc and /sys: locked memory, pages,
// nodes, processors, swap.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readNumber, readText } from './read-text.js';

export interface MemoryLimits {
  /** RLIMIT_MEMLOCK, soft; null: unlimited. */
  memlockBytes: number | null;
  /** The word in brackets of transparent_hugepage/shmem_enabled; null: the kernel has none. */
  shmemEnabled: string | null;
  hugetlb: HugetlbPool[];
  /** Null: not known. */
  swapBytes: number | null;
  /** Of all nodes with memory, or 1. */
  numaNodes: number;
  /** "6.8.0-45-generic". */
  kernel: string;
}

export interface HugetlbPool {
  pageBytes: number;
  pages: number;
  freePages: number;
}

/** @param root "/" but in tests. */
export function readMemoryLimits(root: string): MemoryLimits {
  return {
    memlockBytes: readMemlock(root),
    shmemEnabled: readShmemEnabled(root),
    hugetlb: readHugetlb(root),
    swapBytes: readSwap(root),
    numaNodes: Math.max(1, foldersOf(join(root, 'sys/devices/system/node'), /^node\d+$/).length),
    kernel: (readText(join(root, 'proc/sys/kernel/osrelease')) ?? '').trim(),
  };
}

/** How the file system of `folder` was mounted, by the longest mount point above it. */
export interface Mount {
  point: string;
  type: string;
  options: string[];
}

export function readMountOf(root: string, folder: string): Mount | undefined {
  const mounts = (readText(join(root, 'proc/self/mounts')) ?? '').split('\n').flatMap((line) => {
    const [, point, type, options] = line.split(' ');
    return point === undefined || type === undefined || options === undefined
      ? []
      : [{ point: unescaped(point), type, options: options.split(',') }];
  });
  const above = mounts.filter(
    ({ point }) => folder === point || folder.startsWith(point === '/' ? '/' : `${point}/`),
  );
  // A later mount on the same point hides an earlier one.
  return above.reduce<Mount | undefined>(
    (best, mount) => (best === undefined || mount.point.length >= best.point.length ? mount : best),
    undefined,
  );
}

const GIVES_HUGE_PAGES = ['huge=always', 'huge=within_size', 'huge=advise'];

/**
 * Whether a tmpfs gives huge pages to who asks: by its mount's option; shmem_enabled overrules that by
 * `deny` and `force` alone.
 */
export function givesHugePages(
  { shmemEnabled }: Pick<MemoryLimits, 'shmemEnabled'>,
  mount: Mount | null | undefined,
): boolean {
  const mounted = mount?.options.some((option) => GIVES_HUGE_PAGES.includes(option)) ?? false;
  return (
    shmemEnabled !== null &&
    mount?.type !== 'hugetlbfs' &&
    (shmemEnabled === 'force' || (mounted && shmemEnabled !== 'deny'))
  );
}

function readMemlock(root: string): number | null {
  const line = /^Max locked memory +(\S+)/m.exec(readText(join(root, 'proc/self/limits')) ?? '');
  return line?.[1] === undefined || line[1] === 'unlimited' ? null : Number(line[1]);
}

function readShmemEnabled(root: string): string | null {
  const text = readText(join(root, 'sys/kernel/mm/transparent_hugepage/shmem_enabled'));
  return /\[(\w+)\]/.exec(text ?? '')?.[1] ?? null;
}

function readHugetlb(root: string): HugetlbPool[] {
  const folder = join(root, 'sys/kernel/mm/hugepages');
  return foldersOf(folder, /^hugepages-\d+kB$/).map((name) => ({
    pageBytes: Number(/\d+/.exec(name)?.[0] ?? 0) * 1024,
    pages: readNumber(join(folder, name, 'nr_hugepages')) ?? 0,
    freePages: readNumber(join(folder, name, 'free_hugepages')) ?? 0,
  }));
}

function readSwap(root: string): number | null {
  const kilobytes = /^SwapTotal: +(\d+) kB$/m.exec(readText(join(root, 'proc/meminfo')) ?? '')?.[1];
  return kilobytes === undefined ? null : Number(kilobytes) * 1024;
}

function foldersOf(folder: string, name: RegExp): string[] {
  return existsSync(folder) ? readdirSync(folder).filter((entry) => name.test(entry)) : [];
}

/** /proc/mounts writes blanks as \040. */
function unescaped(text: string): string {
  return text.replace(/\\(\d{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}

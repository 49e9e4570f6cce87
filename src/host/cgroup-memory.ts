// How much memory the cgroups above this process still allow: v2 and v1, every ancestor.

import { dirname, join } from 'node:path';
import { readNumber, readText } from './read-text.js';

export interface MemoryBound {
  /** "memory.max of cgroup /kubepods/pod1" */
  readonly what: string;
  readonly freeBytes: number;
}

/** @param root "/" but in tests. */
export function cgroupBounds(root: string): MemoryBound[] {
  const bounds: MemoryBound[] = [];
  for (const line of (readText(join(root, 'proc/self/cgroup')) ?? '').split('\n')) {
    const [hierarchy, controllers = '', ...rest] = line.split(':');
    const path = rest.join(':');
    if (hierarchy === '0' && controllers === '') {
      bounds.push(...boundsAbove(join(root, 'sys/fs/cgroup'), path, V2));
    } else if (controllers.split(',').includes('memory')) {
      bounds.push(...boundsAbove(join(root, 'sys/fs/cgroup/memory'), path, V1));
    }
  }
  return bounds;
}

interface Version {
  limit: string;
  usage: string;
  /** Page cache in memory.stat that the kernel drops when memory is short; tmpfs is not in it. */
  cache: readonly string[];
}

const V2: Version = {
  limit: 'memory.max',
  usage: 'memory.current',
  cache: ['inactive_file', 'active_file'],
};
const V1: Version = {
  limit: 'memory.limit_in_bytes',
  usage: 'memory.usage_in_bytes',
  cache: ['total_inactive_file', 'total_active_file'],
};
/** v1 writes "no limit" as 2^63 rounded down to a page. */
const UNLIMITED = 2 ** 62;

function boundsAbove(mount: string, path: string, version: Version): MemoryBound[] {
  const bounds: MemoryBound[] = [];
  for (let at = path; ; at = dirname(at)) {
    const folder = join(mount, at);
    const limit = readNumber(join(folder, version.limit));
    const usage = readNumber(join(folder, version.usage));
    if (limit !== undefined && usage !== undefined && limit < UNLIMITED) {
      const cache = cacheBytes(readText(join(folder, 'memory.stat')) ?? '', version.cache);
      bounds.push({
        what: `${version.limit} of cgroup ${at}`,
        freeBytes: Math.max(0, limit - Math.max(0, usage - cache)),
      });
    }
    if (at === '/' || at === '.' || at === '') {
      return bounds;
    }
  }
}

function cacheBytes(stat: string, keys: readonly string[]): number {
  let sum = 0;
  for (const line of stat.split('\n')) {
    const [key = '', value] = line.split(' ');
    if (keys.includes(key)) {
      sum += Number(value);
    }
  }
  return sum;
}

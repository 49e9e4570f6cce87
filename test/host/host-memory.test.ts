// Whether a pool fits: on made-up machines, written as files.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type FolderSpace,
  HOST,
  type MemorySources,
  memoryBounds,
  refuseIfStillTooLarge,
  refuseIfTooLarge,
} from '../../src/host/host-memory.js';

const GB = 1024 ** 3;
const TMPFS_MAGIC = 0x01021994;
const HUGETLBFS_MAGIC = 0x958458f6;

let root: string;
let space: FolderSpace;
let sources: MemorySources;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'pega-machine-'));
  space = { freeBytes: 50 * GB, totalBytes: 50 * GB, type: TMPFS_MAGIC, blockBytes: 4096 };
  sources = { root, statfs: () => space };
  file('proc/meminfo', `MemTotal:       9 kB\nMemAvailable:   ${(40 * GB) / 1024} kB\n`);
});
afterEach(() => rmSync(root, { recursive: true }));

function file(path: string, content: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
}

const refusal = (bytes: number) => {
  try {
    refuseIfTooLarge(bytes, '/dev/shm', sources);
    return undefined;
  } catch (thrown) {
    return thrown;
  }
};

describe('the tightest bound decides, and both numbers are told', () => {
  it('free RAM', () => {
    expect(refusal(40 * GB)).toBeUndefined();
    expect(refusal(40 * GB + 1)).toMatchObject({
      code: 'PEGA_NO_SPACE',
      message: `the pool needs 40.0 GiB (${40 * GB + 1} bytes), this machine (MemAvailable) has 40.0 GiB (${40 * GB} bytes) free`,
    });
  });

  it('the file system of the folder', () => {
    space.freeBytes = GB;
    expect(refusal(2 * GB)).toMatchObject({
      message: expect.stringContaining('the file system of /dev/shm has 1.0 GiB'),
    });
  });

  it("Docker's /dev/shm gets its remedy named", () => {
    Object.assign(space, { freeBytes: 64 * 1024 ** 2, totalBytes: 64 * 1024 ** 2 });
    expect(refusal(30 * GB)).toMatchObject({
      suggestions: [expect.stringContaining('--shm-size=32g'), expect.any(String)],
    });
  });

  it('a full /dev/shm', () => {
    space.freeBytes = 0;
    expect(refusal(GB)).toMatchObject({
      code: 'PEGA_NO_SPACE',
      message: expect.stringContaining('has 0 B (0 bytes) free'),
    });
  });

  it('huge pages: only what their file system has free', () => {
    Object.assign(space, { type: HUGETLBFS_MAGIC, freeBytes: 64 * GB, blockBytes: 2 * 1024 ** 2 });
    const pages = 'sys/kernel/mm/hugepages/hugepages-2048kB';
    file(`${pages}/free_hugepages`, `${70 * 512}\n`);
    expect(refusal(60 * GB)).toBeUndefined();
    expect(refusal(65 * GB)).toMatchObject({ code: 'PEGA_NO_SPACE' });
    file(`${pages}/resv_hugepages`, `${20 * 512}\n`); // promised to others
    expect(refusal(60 * GB)).toMatchObject({
      message: expect.stringContaining("this machine's reserve of 2.0 MiB pages has 50.0 GiB"),
      suggestions: expect.arrayContaining([expect.stringContaining(`echo ${60 * 512} > /sys/`)]),
    });
    file(`${pages}/nr_overcommit_hugepages`, `${15 * 512}\n`);
    expect(refusal(60 * GB)).toBeUndefined();
    Object.assign(space, { freeBytes: 0, totalBytes: 0 }); // a mount without a size of its own
    expect(refusal(60 * GB)).toBeUndefined();
    expect(refusal(66 * GB)).toMatchObject({ code: 'PEGA_NO_SPACE' });
  });
});

describe('cgroups', () => {
  it('v2: every ancestor counts, page cache does not', () => {
    file('proc/self/cgroup', '0::/pods/pod1/pega\n');
    file('sys/fs/cgroup/pods/memory.max', `${20 * GB}\n`);
    file('sys/fs/cgroup/pods/memory.current', `${15 * GB}\n`);
    file('sys/fs/cgroup/pods/memory.stat', `anon 1\ninactive_file ${2 * GB}\nactive_file ${GB}\n`);
    file('sys/fs/cgroup/pods/pod1/memory.max', 'max\n');
    file('sys/fs/cgroup/pods/pod1/memory.current', '5\n');
    expect(refusal(8 * GB)).toBeUndefined();
    expect(refusal(8 * GB + 1)).toMatchObject({
      message: expect.stringContaining('memory.max of cgroup /pods has 8.0 GiB'),
    });
  });

  it('v2: the root of a cgroup namespace', () => {
    file('proc/self/cgroup', '0::/\n');
    file('sys/fs/cgroup/memory.max', `${4 * GB}\n`);
    file('sys/fs/cgroup/memory.current', `${5 * GB}\n`);
    expect(refusal(1)).toMatchObject({ message: expect.stringContaining('cgroup / has 0 B') });
  });

  it('v1, beside an empty v2', () => {
    file('proc/self/cgroup', '9:name=systemd:/\n4:cpu,memory:/docker/abc\n0::/\n');
    file('sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes', `${6 * GB}\n`);
    file('sys/fs/cgroup/memory/docker/abc/memory.usage_in_bytes', `${2 * GB}\n`);
    file('sys/fs/cgroup/memory/docker/abc/memory.stat', `total_inactive_file ${GB}\n`);
    file('sys/fs/cgroup/memory/memory.limit_in_bytes', '9223372036854771712\n');
    file('sys/fs/cgroup/memory/memory.usage_in_bytes', `${30 * GB}\n`);
    expect(refusal(5 * GB)).toBeUndefined();
    expect(refusal(5 * GB + 1)).toMatchObject({
      message: expect.stringContaining('memory.limit_in_bytes of cgroup /docker/abc'),
    });
  });
});

describe('engines that still map a former pool', () => {
  it('are waited for', async () => {
    space.freeBytes = 0;
    const looked: number[] = [];
    const late = {
      root,
      statfs: () => {
        looked.push(1);
        return looked.length > 3 ? { ...space, freeBytes: GB } : space;
      },
    };
    await refuseIfStillTooLarge(GB, '/dev/shm', late);
    expect(looked.length).toBe(4);
  });

  it('are not waited for without end', async () => {
    space.freeBytes = 0;
    await expect(refuseIfStillTooLarge(GB, '/dev/shm', sources)).rejects.toMatchObject({
      code: 'PEGA_NO_SPACE',
    });
  });
});

it('this machine has bounds', () => {
  const bounds = memoryBounds('/dev/shm', HOST);
  expect(bounds.map(({ what }) => what)).toEqual(
    expect.arrayContaining([expect.stringContaining('/dev/shm'), expect.stringContaining('Mem')]),
  );
  for (const { freeBytes } of bounds) {
    expect(freeBytes).toBeGreaterThanOrEqual(0);
  }
});

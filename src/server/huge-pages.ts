// Whether to ask the slabs' folder for huge pages, decided before a byte is touched.
//
// A tmpfs gives them by its mount's option `huge=`; the kernel's shmem_enabled overrules that by `deny`
// and `force` only. hugetlbfs gives nothing else. How they are taken: native/shared/slab_fill.h.

import { realpathSync } from 'node:fs';
import type { HugePages } from '../config/serve-options.js';
import { PegaError } from '../errors.js';
import { readMemoryLimits, readMountOf } from '../host/memory-limits.js';

const SHMEM_ENABLED = '/sys/kernel/mm/transparent_hugepage/shmem_enabled';
const GIVES_HUGE_PAGES = ['huge=always', 'huge=within_size', 'huge=advise'];
const HUGETLBFS_WAY =
  'or set huge pages aside (sysctl vm.nr_hugepages=N, mount -t hugetlbfs none /mnt/huge) and name that folder with --slab-dir';

/**
 * Throws PEGA_UNSUPPORTED where they are required and there are none.
 *
 * @param root "/" but in tests.
 */
export function chooseHugePages(wanted: HugePages, slabFolder: string, root = '/'): boolean {
  if (wanted === 'off') {
    return false;
  }
  const mount = readMountOf(root, root === '/' ? realpathSync(slabFolder) : slabFolder);
  if (mount?.type === 'hugetlbfs') {
    return false; // it has nothing else: there is nothing to ask for
  }
  const { shmemEnabled } = readMemoryLimits(root);
  const allowed = mount?.options.some((option) => GIVES_HUGE_PAGES.includes(option)) ?? false;
  const overruled = shmemEnabled === null || shmemEnabled === 'deny';
  const given = shmemEnabled === 'force' || (allowed && !overruled);
  if (!given && wanted === 'require') {
    throw refusal(shmemEnabled, mount?.point ?? slabFolder);
  }
  return given;
}

function refusal(shmemEnabled: string | null, mountPoint: string): PegaError {
  if (shmemEnabled === null) {
    return missing('this kernel has no transparent huge pages', [HUGETLBFS_WAY]);
  }
  if (shmemEnabled === 'deny') {
    const way = `as root on the host: echo never > ${SHMEM_ENABLED}`;
    return missing(`${SHMEM_ENABLED} says deny`, [way, HUGETLBFS_WAY]);
  }
  const way = `as root on the host: mount -o remount,huge=advise ${mountPoint}`;
  return missing(`the file system at ${mountPoint} is mounted without huge pages`, [
    way,
    HUGETLBFS_WAY,
  ]);
}

function missing(found: string, suggestions: string[]): PegaError {
  return new PegaError(
    'PEGA_UNSUPPORTED',
    `--huge-pages require: ${found}; required is a slab folder that gives huge pages`,
    { suggestions },
  );
}

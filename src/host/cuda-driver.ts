// Whether a CUDA driver is installed, without loading it: the server itself makes no CUDA call.

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const LIBRARY = 'libcuda.so.1';
const USUAL_FOLDERS = [
  '/usr/lib/x86_64-linux-gnu',
  '/usr/lib/aarch64-linux-gnu',
  '/usr/lib64',
  '/usr/lib',
  '/usr/local/nvidia/lib64',
  '/usr/local/cuda/compat',
  '/run/opengl-driver/lib',
  '/usr/lib/wsl/lib',
];

/** Looks where the loader looks: LD_LIBRARY_PATH, its cache, the usual folders. */
export function hasCudaDriver(environment: NodeJS.ProcessEnv): boolean {
  const named = (environment.LD_LIBRARY_PATH ?? '').split(':').filter((folder) => folder !== '');
  return (
    [...named, ...USUAL_FOLDERS].some((folder) => existsSync(join(folder, LIBRARY))) ||
    loaderCache().includes(LIBRARY)
  );
}

function loaderCache(): string {
  for (const ldconfig of ['/sbin/ldconfig', '/usr/sbin/ldconfig']) {
    if (existsSync(ldconfig)) {
      try {
        return execFileSync(ldconfig, ['-p'], {
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'ignore'],
        });
      } catch {
        return ''; // no cache here: the folders above decide
      }
    }
  }
  return '';
}

// Removes files after this process has ended: the memory behind large ones takes seconds to go back.
//
// Several processes share the work, because the kernel gives back some GB/s to each. They outlive us on
// purpose; whoever needs the files' names or memory sooner must not use this.
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';

const PROCESSES_MAX = 16;

export function removeInBackground(paths: readonly string[]): void {
  const count = Math.min(PROCESSES_MAX, availableParallelism(), paths.length);
  for (let index = 0; index < count; index += 1) {
    const share = paths.filter((_, at) => at % count === index);
    spawn('rm', ['-f', '--', ...share], { detached: true, stdio: 'ignore' })
      .on('error', () => undefined) // no rm: the next server on the folder clears them
      .unref();
  }
}

// Waits until a condition holds, looking again and again; fails with what it waited for.

import { setTimeout as sleep } from 'node:timers/promises';

export async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await holds())) {
    if (performance.now() > deadline) {
      throw new Error(`still waiting after 20 s: ${what}`);
    }
    await sleep(20);
  }
}

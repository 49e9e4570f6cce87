// The processes of one group: who is left of it, and the end of all of them at once.
//
// vLLM's engine and workers are children of its server and stay in its group, also when it dies first.
// Linux only, over /proc.
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_AGAIN_MS = 20;
/** A process in the kernel's hands, as one that gives back pinned memory, takes seconds to go. */
const GONE_TIMEOUT_MS = 30_000;

/** Their ids; processes that have ended and were not waited for are not counted. */
export function groupMembers(group: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => isMember(pid, group));
}

function isMember(pid: number, group: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in brackets, and may hold spaces.
    const [state, , pgrp] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return Number(pgrp) === group && state !== 'Z' && state !== 'X';
  } catch {
    return false; // ended meanwhile
  }
}

/** Does nothing where the group is gone. */
export function killGroup(group: number): void {
  try {
    process.kill(-group, 'SIGKILL');
  } catch {
    // nobody is left
  }
}

/** Kills what is left of the group; resolves when nobody is, or after 30 s. */
export async function endGroup(group: number): Promise<void> {
  const deadlineMs = performance.now() + GONE_TIMEOUT_MS;
  while (groupMembers(group).length > 0 && performance.now() < deadlineMs) {
    killGroup(group);
    await sleep(LOOK_AGAIN_MS);
  }
}

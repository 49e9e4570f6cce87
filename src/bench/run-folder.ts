// A folder for the files of one run: removed when the run ends, or by a later run when this one was killed.
//
// The name says whose it is: pid namespace, pid and the process's start time. Only folders of this user,
// in this namespace, whose process is gone are cleared away; a folder of another container is left alone.
import { readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';

const PREFIX = 'pega-bench-';
const NAME = /^pega-bench-(\d+)-(\d+)-(\d+)-/;

export async function withRunFolder<T>(
  parent: string,
  use: (folder: string) => Promise<T>,
): Promise<T> {
  clearAbandoned(parent);
  const owner = `${pidNamespace()}-${process.pid}-${startTime(process.pid) ?? 0}`;
  const folder = await mkdtemp(join(parent, `${PREFIX}${owner}-`));
  // process.exit, as after a second Ctrl-C, runs no finally.
  const removeAtExit = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', removeAtExit);
  try {
    return await use(folder);
  } finally {
    process.off('exit', removeAtExit);
    await rm(folder, { recursive: true, force: true });
  }
}

function clearAbandoned(parent: string): void {
  const namespace = pidNamespace();
  for (const name of readdirSync(parent)) {
    const [, inNamespace, pid, started] = NAME.exec(name) ?? [];
    const path = join(parent, name);
    if (
      inNamespace === namespace &&
      startTime(Number(pid)) !== started &&
      statSync(path, { throwIfNoEntry: false })?.uid === process.getuid?.()
    ) {
      rmSync(path, { recursive: true, force: true });
    }
  }
}

function pidNamespace(): string {
  return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0';
}

/** Clock ticks after boot; pids are reused, pids with a start time are not. Undefined: no such process. */
function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in brackets, and may hold spaces; start time is the 22nd.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

// Starts the doctor's own process for one task and answers with what it found (native-worker.ts).
//
// The driver's code runs there alone: where it hangs or crashes, that is a finding and not the end.
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { isPegaCode, PegaError } from '../errors.js';
import { WITH_PARENT_VARIABLE } from '../process/stop-with-parent.js';
import type { NativeTasks, TaskName, TaskOutcome } from './native-tasks.js';

export interface TaskSurroundings {
  environment: NodeJS.ProcessEnv;
  signal: AbortSignal;
}

/** From source the program is TypeScript, which node alone does not run. */
const FROM_SOURCE = import.meta.url.endsWith('.ts');
const PROGRAM = fileURLToPath(
  new URL(FROM_SOURCE ? './native-worker.ts' : './native-worker.js', import.meta.url),
);
/** Longer than any wait of the tasks' own: the driver of a broken GPU answers after many seconds. */
const WITHIN_MS = 180_000;
const STDERR_LINES_SHOWN = 5;

/** Throws what the task failed with, or PEGA_DEVICE where its process did not live to say. */
export async function runTask<Name extends TaskName>(
  task: Name,
  request: NativeTasks[Name]['request'],
  { environment, signal }: TaskSurroundings,
): Promise<NativeTasks[Name]['answer']> {
  const node = FROM_SOURCE ? ['--import', 'tsx'] : [];
  const ended = await execa(process.execPath, [...node, PROGRAM], {
    input: JSON.stringify({ task, request }),
    env: { ...environment, [WITH_PARENT_VARIABLE]: '1' },
    extendEnv: false,
    ipc: true,
    cancelSignal: signal,
    timeout: WITHIN_MS,
    forceKillAfterDelay: 2000,
    reject: false,
  });
  signal.throwIfAborted();
  if (ended.exitCode !== 0) {
    throw new PegaError('PEGA_DEVICE', endOf(ended), {
      suggestions: ["look at the kernel's log: dmesg | grep -i -e nvrm -e xid"],
    });
  }
  const outcome = JSON.parse(ended.stdout) as TaskOutcome;
  if ('error' in outcome) {
    const { code, message, suggestions } = outcome.error;
    throw new PegaError(isPegaCode(code) ? code : 'PEGA_INTERNAL', message, { suggestions });
  }
  return outcome.answer as NativeTasks[Name]['answer'];
}

interface Ended {
  timedOut: boolean;
  signal?: string | undefined;
  exitCode?: number | undefined;
  stderr: string;
}

function endOf({ timedOut, signal, exitCode, stderr }: Ended): string {
  const lines = stderr.split('\n').filter((line) => line.trim() !== '');
  const said = lines.slice(-STDERR_LINES_SHOWN).join(' | ');
  const how = timedOut
    ? `did not answer within ${WITHIN_MS / 1000} s`
    : `was ended by ${signal ?? `exit code ${exitCode ?? 'unknown'}`}`;
  return `the process that asked the driver ${how}${said === '' ? '' : `: ${said}`}`;
}

// Starts one of pega's own processes, waits until it serves, and ends it.
//
// For the bench and for tests. The child is in a process group of its own, so that Ctrl-C in a terminal
// reaches only the parent, which then stops its children in order. A child whose parent is gone stops by
// itself (stop-with-parent.ts). It restarts nothing.
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { isPegaCode, PegaError } from '../errors.js';
import { packageRoot } from '../package.js';
import { parseReadyLine } from './ready-line.js';
import { WITH_PARENT_VARIABLE } from './stop-with-parent.js';

export interface ChildOptions {
  /** For messages: `pega serve`. */
  name: string;
  args: readonly string[];
  env?: Readonly<Record<string, string>>;
  readyTimeoutMs: number;
  /** From SIGTERM to SIGKILL in stop(); 5 s unless told. */
  killAfterMs?: number;
  /** Ends the wait for the ready line; a child that is ready stays until stop(). */
  signal?: AbortSignal;
  onStderrLine?: (line: string) => void;
  /** Another program than pega's own. */
  program?: string;
}

export interface ChildEnd {
  exitCode: number | undefined;
  signal: string | undefined;
}

export interface Child {
  readonly name: string;
  readonly pid: number;
  /** The pairs of the ready line. */
  readonly ready: ReadonlyMap<string, string>;
  readonly ended: Promise<ChildEnd>;
  /** The newest lines it wrote to stderr. */
  stderrTail(): readonly string[];
  /** A pair of the ready line that this child must have. */
  pair(key: string): string;
  signal(signal: NodeJS.Signals): void;
  /** SIGTERM, SIGKILL later; resolves when the process is gone. May be called again. */
  stop(): Promise<ChildEnd>;
}

const STDERR_LINES_KEPT = 40;
const STDERR_LINES_SHOWN = 12;
const KILL_AFTER_MS = 5000;

export async function startChild(options: ChildOptions): Promise<Child> {
  options.signal?.throwIfAborted();
  const spawned = spawn(options);
  const ready = await untilReady(spawned, options);
  return {
    name: options.name,
    pid: spawned.pid,
    ready,
    ended: spawned.ended,
    stderrTail: () => [...spawned.stderr],
    pair: (key) => requirePair(ready, key, options.name),
    signal: (signal) => void spawned.kill(signal),
    stop: spawned.stop,
  };
}

interface Spawned {
  pid: number;
  stderr: string[];
  readyLine: Promise<ReadonlyMap<string, string>>;
  ended: Promise<ChildEnd>;
  kill(signal: NodeJS.Signals): boolean;
  stop(): Promise<ChildEnd>;
}

function spawn(options: ChildOptions): Spawned {
  const subprocess = execa(process.execPath, [options.program ?? pegaProgram(), ...options.args], {
    env: { ...options.env, [WITH_PARENT_VARIABLE]: '1' },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    ipc: true,
    detached: true,
    buffer: false,
    reject: false,
  });
  const stderr: string[] = [];
  const stderrLines = createInterface({ input: subprocess.stderr });
  const stderrClosed = once(stderrLines, 'close');
  stderrLines.on('line', (line) => {
    stderr.push(line);
    if (stderr.length > STDERR_LINES_KEPT) {
      stderr.shift();
    }
    options.onStderrLine?.(line);
  });
  const readyLine = new Promise<ReadonlyMap<string, string>>((resolve) => {
    createInterface({ input: subprocess.stdout }).on('line', (line) => {
      const pairs = parseReadyLine(line);
      if (pairs !== undefined) {
        resolve(pairs);
      }
    });
  });
  const killWithThisProcess = () => void subprocess.kill('SIGTERM');
  process.once('exit', killWithThisProcess);
  const ended = subprocess.then(async (result) => {
    process.off('exit', killWithThisProcess);
    // The last lines say why it ended.
    await stderrClosed;
    return { exitCode: result.exitCode, signal: result.signal };
  });
  const stop = async (): Promise<ChildEnd> => {
    subprocess.kill('SIGTERM');
    const killer = setTimeout(
      () => subprocess.kill('SIGKILL'),
      options.killAfterMs ?? KILL_AFTER_MS,
    );
    const end = await ended;
    clearTimeout(killer);
    return end;
  };
  return {
    // No pid: the program could not be started, and `ended` says so at once.
    pid: subprocess.pid ?? 0,
    stderr,
    readyLine,
    ended,
    kill: (signal) => subprocess.kill(signal),
    stop,
  };
}

async function untilReady(
  spawned: Spawned,
  options: ChildOptions,
): Promise<ReadonlyMap<string, string>> {
  const timeout = AbortSignal.timeout(options.readyTimeoutMs);
  const stopped = AbortSignal.any(options.signal ? [timeout, options.signal] : [timeout]);
  const aborted = new Promise<'aborted'>((resolve) => {
    stopped.addEventListener('abort', () => resolve('aborted'), { once: true });
  });
  const first = await Promise.race([spawned.readyLine, spawned.ended, aborted]);
  if (first instanceof Map) {
    return first;
  }
  const end = await spawned.stop();
  options.signal?.throwIfAborted();
  throw first === 'aborted'
    ? new PegaError('PEGA_TIMEOUT', lateMessage(options, spawned.stderr))
    : diedEarly(options.name, end, spawned.stderr);
}

function lateMessage(options: ChildOptions, stderr: readonly string[]): string {
  return `${options.name} was not ready after ${options.readyTimeoutMs} ms and was stopped${quote(stderr)}`;
}

/** The child's own code, where it printed one, says more than "it ended". */
function diedEarly(name: string, end: ChildEnd, stderr: readonly string[]): PegaError {
  const how = end.signal ?? `exit code ${end.exitCode ?? 'unknown'}`;
  const printed = stderr.map((line) => /^Code: (\w+)$/.exec(line)?.[1]).find(isPegaCode);
  const suggestions = stderr.flatMap((line) => /^Try: (.+)$/.exec(line)?.[1] ?? []);
  return new PegaError(
    printed ?? 'PEGA_UNAVAILABLE',
    `${name} ended before it was ready (${how})${quote(stderr)}`,
    suggestions.length > 0 ? { suggestions } : {},
  );
}

function quote(stderr: readonly string[]): string {
  const shown = stderr.slice(-STDERR_LINES_SHOWN);
  return shown.length === 0 ? '; it wrote nothing' : `; its last lines:\n  ${shown.join('\n  ')}`;
}

function requirePair(ready: ReadonlyMap<string, string>, key: string, name: string): string {
  const value = ready.get(key);
  if (value === undefined || value === '') {
    throw new PegaError('PEGA_INTERNAL', `the ready line of ${name} has no ${key}=`);
  }
  return value;
}

/** The same entry that runs now, so that bin/dev.js starts its children from source too. */
function pegaProgram(): string {
  const running = process.argv[1] ?? '';
  const root = packageRoot();
  const dev = join(root, 'bin', 'dev.js');
  return running === dev ? dev : join(root, 'bin', 'run.js');
}

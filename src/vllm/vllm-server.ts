// Starts one vLLM, waits until it serves, and ends it with all its processes.
//
// For the bench, `pega hello` and tests. It is in a process group of its own, so that Ctrl-C in a
// terminal reaches only pega, which then stops it in order. It restarts nothing.
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { request } from 'undici';
import { PegaError } from '../errors.js';
import { freePort } from './free-port.js';
import { argumentsOf, environmentOf, urlOf, type VllmLaunch } from './launch.js';
import { type LogFile, messageOf, openLogFile } from './log-file.js';
import { endGroup, killGroup } from './process-group.js';

export interface VllmOptions {
  launch: VllmLaunch;
  readyTimeoutMs?: number;
  /** From SIGTERM to SIGKILL in stop(). */
  killAfterMs?: number;
  /** Ends the wait for readiness; a vLLM that is ready stays until stop(). */
  signal?: AbortSignal;
  /** The newest message of its log, again and again while it starts. */
  onStarting?: (newest: string) => void;
}

export interface VllmEnd {
  exitCode: number | undefined;
  signal: string | undefined;
}

export interface VllmServer {
  readonly url: string;
  readonly pid: number;
  /** Why it ended, where nobody stopped it: its log is kept then. Else it never resolves. */
  readonly died: Promise<PegaError>;
  /** Keeps the log after the run; its path. */
  keepLog(): string;
  /** SIGTERM to its server, SIGKILL later to whoever is left; may be called again. */
  stop(): Promise<VllmEnd>;
}

/** A model of many GB from a slow disk, then compilation and graph capture. */
const READY_TIMEOUT_MS = 20 * 60_000;
const KILL_AFTER_MS = 20_000;
const LOOK_AGAIN_MS = 200;
const HEALTH_TIMEOUT_MS = 5000;
const LINES_SHOWN = 12;

export async function startVllm(options: VllmOptions): Promise<VllmServer> {
  options.signal?.throwIfAborted();
  const port = await freePort();
  const log = openLogFile(options.launch.temporaryFolder);
  const spawned = spawn(options, port, log);
  const url = urlOf(port);
  try {
    await untilHealthy(url, spawned, log, options);
  } catch (thrown) {
    await spawned.stop();
    log.close();
    throw thrown;
  }
  let stopping = false;
  return {
    url,
    pid: spawned.pid,
    died: new Promise((resolve) => {
      void spawned.ended.then((end) => stopping || resolve(obituary('vLLM ended', end, log)));
    }),
    keepLog: log.keep,
    stop: async () => {
      stopping = true;
      const end = await spawned.stop();
      log.close();
      return end;
    },
  };
}

interface Spawned {
  pid: number;
  /** When its last process is gone. */
  ended: Promise<VllmEnd>;
  stop(): Promise<VllmEnd>;
}

function spawn(options: VllmOptions, port: number, log: LogFile): Spawned {
  const { launch } = options;
  const subprocess = execa(launch.python.path, argumentsOf(launch, port), {
    env: environmentOf(launch, process.env),
    stdin: 'ignore',
    stdout: log.stream,
    stderr: log.stream,
    detached: true,
    buffer: false,
    reject: false,
  });
  // No pid: the program could not be started, and `ended` says so at once.
  const { pid } = subprocess;
  // process.exit, as after a second Ctrl-C, awaits nothing.
  const killWithThisProcess = () => pid !== undefined && killGroup(pid);
  process.once('exit', killWithThisProcess);
  const ended = subprocess.then(async ({ exitCode, signal }): Promise<VllmEnd> => {
    if (pid !== undefined) {
      await endGroup(pid);
    }
    process.off('exit', killWithThisProcess);
    return { exitCode, signal };
  });
  const stop = async (): Promise<VllmEnd> => {
    // Its server ends the others in order; killed together they would call each other dead.
    subprocess.kill('SIGTERM');
    const killer = setTimeout(killWithThisProcess, options.killAfterMs ?? KILL_AFTER_MS);
    const end = await ended;
    clearTimeout(killer);
    return end;
  };
  return { pid: pid ?? 0, ended, stop };
}

async function untilHealthy(
  url: string,
  spawned: Spawned,
  log: LogFile,
  options: VllmOptions,
): Promise<void> {
  const timeoutMs = options.readyTimeoutMs ?? READY_TIMEOUT_MS;
  const deadlineMs = performance.now() + timeoutMs;
  let end: VllmEnd | undefined;
  void spawned.ended.then((ended) => {
    end = ended;
  });
  while (!(await isHealthy(url, options.signal))) {
    options.signal?.throwIfAborted();
    if (end !== undefined) {
      throw obituary('vLLM ended before it was ready', end, log);
    }
    if (performance.now() >= deadlineMs) {
      const late = `vLLM was not ready after ${timeoutMs / 1000} s and was stopped`;
      throw new PegaError('PEGA_TIMEOUT', withLog(late, log), readLog(log));
    }
    options.onStarting?.(messageOf(log.tail(1)[0] ?? ''));
    await sleep(LOOK_AGAIN_MS);
  }
}

async function isHealthy(url: string, signal: AbortSignal | undefined): Promise<boolean> {
  const timeout = AbortSignal.timeout(HEALTH_TIMEOUT_MS);
  try {
    const { statusCode, body } = await request(`${url}/health`, {
      signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
    });
    await body.dump();
    return statusCode === 200;
  } catch {
    return false; // nobody listens yet
  }
}

function obituary(what: string, end: VllmEnd, log: LogFile): PegaError {
  const how = end.signal ?? `exit code ${end.exitCode ?? 'unknown'}`;
  return new PegaError('PEGA_UNAVAILABLE', withLog(`${what} (${how})`, log), readLog(log));
}

function withLog(what: string, log: LogFile): string {
  const last = log.tail(LINES_SHOWN);
  const first = log.firstError();
  const cause = first === undefined || last.includes(first) ? [] : [`first error: ${first}`];
  const quoted = last.length === 0 ? ['it wrote nothing'] : ['last lines of its log:', ...last];
  return [what, ...cause, ...quoted].join('\n  ');
}

function readLog(log: LogFile): { suggestions: string[] } {
  return { suggestions: [`read its log: ${log.keep()}`] };
}

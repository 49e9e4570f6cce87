// A real vLLM on the CPU as a process: with the connector or without, asked over HTTP, counted, ended.
//
// Started as the bench starts it (src/vllm/launch.ts), but not ended like that: these tests kill one process
// of it and look at what the others do. Each has a group of processes and a TMPDIR of its own; its log
// and its last metrics stay in build/vllm-logs.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Agent } from 'undici';
import { connectEngine } from '../../../src/bench/engine-api.js';
import { freePort } from '../../../src/vllm/free-port.js';
import type { VllmPython } from '../../../src/vllm/interpreter.js';
import { kvTransferConfig } from '../../../src/vllm/kv-transfer-config.js';
import { argumentsOf, environmentOf, urlOf, type VllmLaunch } from '../../../src/vllm/launch.js';
import { type Answer, type CompletionOptions, complete, promptLogprobs } from './completion.js';
import {
  type EngineCounters,
  readEngineCounters,
  subtractEngineCounters,
} from './engine-counters.js';
import {
  descendantsOf,
  findEngineProcesses,
  isGone,
  signalAll,
  untilGone,
} from './engine-processes.js';

/** What all vLLMs of a run share. */
export interface Grounds {
  python: VllmPython;
  /** Folder of the tiny model. */
  model: string;
  /** For vLLM's own files; removed at the end. */
  scratch: string;
}

export interface VllmOptions {
  /** Of the log file. */
  name: string;
  dtype: 'bfloat16' | 'float32';
  /** Of `pega serve`: with the connector. */
  socket?: string;
  /** Settings of the connector, beside its endpoint. */
  settings?: Readonly<Record<string, unknown>>;
  args?: readonly string[];
}

/** A busy test machine is not what most of these tests are about. */
export const PATIENT = { query_deadline_ms: 5000, reserve_deadline_ms: 5000 };

export type Vllm = Awaited<ReturnType<typeof startVllm>>;

export const LOGS = fileURLToPath(new URL('../../../build/vllm-logs', import.meta.url));
/** The first prompt_logprobs would compile a kernel of its own, for half a minute. */
const NO_COMPILER = { TORCHDYNAMO_DISABLE: '1' };
/** Two that start at once on two busy cores take a minute. */
const READY_TIMEOUT_MS = 240_000;
const STOP_TIMEOUT_MS = 20_000;
const METRICS_TIMEOUT_MS = 5000;

export async function startVllm(grounds: Grounds, options: VllmOptions) {
  const port = await freePort();
  const url = urlOf(port);
  const { child, log, temporaryFolder } = spawnVllm(grounds, options, port);
  const pid = child.pid ?? 0;
  const killGroup = (): void => signalAll([-pid], 'SIGKILL');
  process.once('exit', killGroup);
  const dispatcher = new Agent({ connections: null, pipelining: 1 });
  const end = async (): Promise<void> => {
    killGroup();
    await dispatcher.destroy();
    rmSync(temporaryFolder, { recursive: true, force: true });
    process.off('exit', killGroup);
  };
  try {
    await untilHealthy(url, child, log);
  } catch (failure) {
    await end();
    throw failure;
  }
  const endpoint = { url, dispatcher };
  const readMetrics = async (): Promise<string> => {
    const path = '/metrics';
    const timeouts = { headersTimeout: METRICS_TIMEOUT_MS, bodyTimeout: METRICS_TIMEOUT_MS };
    const { body } = await dispatcher.request({ origin: url, path, method: 'GET', ...timeouts });
    return body.text();
  };
  const keepMetrics = async (): Promise<void> =>
    writeFileSync(join(LOGS, `${options.name}.metrics`), await readMetrics());
  const api = connectEngine({ url, dispatcher, signal: new AbortController().signal });
  const counters = async (): Promise<EngineCounters> => readEngineCounters(await readMetrics());
  return {
    name: options.name,
    pid,
    log,
    processes: () => findEngineProcesses(pid),
    complete: (prompt: readonly number[], given: CompletionOptions): Promise<Answer> =>
      complete(endpoint, prompt, given),
    promptLogprobs: (prompt: readonly number[]) => promptLogprobs(endpoint, prompt),
    /** Empties vLLM's own prefix cache; repeats for 5 s while stores keep blocks. */
    reset: () => api.resetPrefixCache(),
    counters,
    /** What `work` added to the counters. */
    counting: async (work: () => Promise<unknown>): Promise<EngineCounters> => {
      const before = await counters();
      await work();
      return subtractEngineCounters(await counters(), before);
    },
    stop: async (): Promise<void> => {
      await keepMetrics().catch(() => undefined); // it may be dead already
      const all = [pid, ...descendantsOf(pid).map((one) => one.pid)];
      signalAll(all, 'SIGCONT');
      signalAll([pid], 'SIGTERM');
      const deadline = performance.now() + STOP_TIMEOUT_MS;
      while (!all.every(isGone) && performance.now() < deadline) {
        await sleep(50);
      }
      await end();
      await untilGone(all);
    },
  };
}

function spawnVllm(grounds: Grounds, options: VllmOptions, port: number) {
  const { name, dtype, args = [] } = options;
  const temporaryFolder = join(grounds.scratch, `${name}-${port}`);
  mkdirSync(temporaryFolder);
  mkdirSync(LOGS, { recursive: true });
  const log = join(LOGS, `${name}.log`);
  const launch: VllmLaunch = {
    python: grounds.python,
    model: { folder: grounds.model, name: 'm' },
    hasWeights: true,
    maxModelTokens: 8192,
    kvBytes: 1024 ** 3,
    kvTransferConfig: transferConfigOf(options),
    extraArguments: ['--dtype', dtype, '--max-num-batched-tokens', '2048', ...args],
    temporaryFolder,
  };
  const output = openSync(log, 'w');
  const child = spawn(grounds.python.path, argumentsOf(launch, port), {
    detached: true,
    stdio: ['ignore', output, output],
    env: { ...process.env, ...environmentOf(launch, process.env), ...NO_COMPILER },
  });
  closeSync(output);
  return { child, log, temporaryFolder };
}

function transferConfigOf({ socket, settings }: VllmOptions): VllmLaunch['kvTransferConfig'] {
  if (socket === undefined) {
    return null;
  }
  const config = kvTransferConfig({ socket });
  return {
    ...config,
    kv_connector_extra_config: { ...config.kv_connector_extra_config, ...settings },
  };
}

async function untilHealthy(url: string, child: ChildProcess, log: string): Promise<void> {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  const failed = (why: string): Error =>
    new Error(`vLLM ${why}; the end of ${log}:\n${readFileSync(log, 'utf8').slice(-3000)}`);
  for (;;) {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) {
      throw failed(`ended with ${child.signalCode ?? child.exitCode}`);
    }
    const healthy = await fetch(`${url}/health`).then(
      (response) => response.status === 200,
      () => false,
    );
    if (healthy) {
      return;
    }
    if (performance.now() > deadline) {
      throw failed(`was not ready after ${READY_TIMEOUT_MS / 1000} s`);
    }
    await sleep(200);
  }
}

// The processes of one vLLM, as /proc shows them: API server, EngineCore, workers. For tests that pause
// and kill them.

import { readdirSync, readFileSync } from 'node:fs';
import { until } from '../../server/support/until.js';

export interface EngineProcesses {
  api: number;
  core: number;
  /** By rank. */
  workers: number[];
}

interface ProcessLine {
  pid: number;
  parent: number;
  name: string;
  state: string;
}

/** The processes below `api`, which is vLLM's own: it names them with setproctitle. */
export function findEngineProcesses(api: number): EngineProcesses {
  const below = descendantsOf(api);
  const core = below.find(({ name }) => name.startsWith('VLLM::Engine'));
  const workers = below
    .filter(({ name }) => name.startsWith('VLLM::Worker'))
    .sort((a, b) => titleOf(a.pid).localeCompare(titleOf(b.pid)));
  if (core === undefined || workers.length === 0) {
    throw new Error(`no EngineCore or no worker below ${api}: ${JSON.stringify(below)}`);
  }
  return { api, core: core.pid, workers: workers.map(({ pid }) => pid) };
}

export function descendantsOf(root: number): ProcessLine[] {
  const all = readProcesses();
  const found: ProcessLine[] = [];
  let parents = new Set([root]);
  while (parents.size > 0) {
    const children = all.filter(({ parent }) => parents.has(parent));
    found.push(...children);
    parents = new Set(children.map(({ pid }) => pid));
  }
  return found;
}

/** A zombie has no locks, no memory and no descriptors any more. */
export function isGone(pid: number): boolean {
  const line = readProcess(String(pid));
  return line === undefined || line.state === 'Z' || line.state === 'X';
}

export function untilGone(pids: readonly number[]): Promise<void> {
  return until(`processes ${pids.join()} are gone`, () => pids.every(isGone));
}

/** To each that is still there. */
export function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'ESRCH') {
        throw thrown;
      }
    }
  }
}

function readProcesses(): ProcessLine[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readProcess(name) ?? []);
}

/** Undefined for a process that ended meanwhile. */
function readProcess(pid: string): ProcessLine | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name stands in brackets and may itself have some.
    const [, name = '', state = '', parent = ''] = /\((.*)\) (\S) (\d+)/s.exec(text) ?? [];
    return { pid: Number(pid), parent: Number(parent), name, state };
  } catch {
    return undefined;
  }
}

function titleOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

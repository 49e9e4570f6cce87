// Opens and closes windows of the probe that a measured process carries (probe.mjs).
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { packageRoot } from '../../src/package.js';

export interface ProbeWindow {
  /** Time that the event loop was not idle. */
  activeMs: number;
  /** User and system time of all threads. */
  cpuMs: number;
  /** Time that the JavaScript thread was on a core; null where the kernel does not tell. */
  mainThreadMs: number | null;
  delayP50Ms: number;
  delayP99Ms: number;
  delayMaxMs: number;
  collectionMsMax: number;
  tasks: {
    count: number;
    /** Without garbage collection and waiting for a core. */
    ownMsMax: number;
    /** At least this is known: shorter ones than 0.25 ms count as that. */
    ownMsP999: number;
    ownOver1Ms: number;
    withCollectionsMsMax: number;
    wallMsMax: number;
  } | null;
}

export interface Probe {
  measure(work: () => Promise<void>): Promise<ProbeWindow>;
  close(): void;
}

/** The environment that makes a process carry a probe. */
export function probeEnvironment(socket: string, tasks: boolean): Record<string, string> {
  const file = join(packageRoot(), 'scripts/bench-engine/probe.mjs');
  return {
    NODE_OPTIONS: `--import=${pathToFileURL(file).href}`,
    PEGA_PROBE_SOCKET: socket,
    ...(tasks ? { PEGA_PROBE_TASKS: '1' } : {}),
  };
}

export async function connectProbe(path: string): Promise<Probe> {
  const socket = connect(path);
  await once(socket, 'connect');
  const lines = createInterface({ input: socket });
  const ask = async (command: string): Promise<unknown> => {
    const answer = once(lines, 'line');
    socket.write(`${command}\n`);
    const [line] = await answer;
    return JSON.parse(String(line));
  };
  return {
    measure: async (work) => {
      await ask('start');
      await work();
      return (await ask('stop')) as ProbeWindow;
    },
    close: () => socket.destroy(),
  };
}

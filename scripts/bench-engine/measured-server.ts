// A `pega serve` for one measurement: its own pool folder, socket and probe, all gone afterwards.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Child, startChild } from '../../src/process/child.js';
import { connectPega, type PegaClient } from '../../src/rpc/client.js';
import { connectProbe, type Probe, probeEnvironment } from './probe-client.js';

export interface MeasuredServer {
  client: PegaClient;
  probe: Probe;
  /** From the start of the process to its ready line. */
  readyMs: number;
  /** Anonymous and file pages; pages of the pool are shared memory and not among them. */
  residentBytes(): Promise<number>;
}

export interface ServerOptions {
  poolBytes: number;
  /** Time every JavaScript task; costs the server some speed. */
  tasks?: boolean;
}

const READY_TIMEOUT_MS = 60_000;

export async function withServer<Result>(
  { poolBytes, tasks = false }: ServerOptions,
  measure: (server: MeasuredServer) => Promise<Result>,
): Promise<Result> {
  const folder = await mkdtemp('/dev/shm/pega-bench-');
  let child: Child | undefined;
  let client: PegaClient | undefined;
  let probe: Probe | undefined;
  try {
    const probeSocket = join(folder, 'probe.sock');
    const start = performance.now();
    child = await startChild({
      name: 'pega serve',
      args: serveArguments(folder, poolBytes),
      env: probeEnvironment(probeSocket, tasks),
      readyTimeoutMs: READY_TIMEOUT_MS,
    });
    const readyMs = performance.now() - start;
    const { pid } = child;
    client = connectPega({ socket: child.pair('socket') });
    probe = await connectProbe(probeSocket);
    return await measure({ client, probe, readyMs, residentBytes: () => residentBytes(pid) });
  } finally {
    probe?.close();
    client?.close();
    await child?.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

function serveArguments(folder: string, poolBytes: number): string[] {
  const megabytes = Math.floor(poolBytes / 2 ** 20);
  return [
    'serve',
    ...['--device', 'cpu', '--pool-size', `${megabytes}mb`, '--pool-dir', folder],
    ...['--addr', '127.0.0.1:0', '--http-addr', '127.0.0.1:0'],
    ...['--socket', join(folder, 'grpc.sock'), '--log-level', 'warn'],
  ];
}

async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const kilobytes = (name: string): number => {
    const value = new RegExp(`^${name}:\\s*(\\d+) kB$`, 'm').exec(status)?.[1];
    if (value === undefined) {
      throw new Error(`/proc/${pid}/status has no ${name}`);
    }
    return Number(value);
  };
  return (kilobytes('RssAnon') + kilobytes('RssFile')) * 1024;
}

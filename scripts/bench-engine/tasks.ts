// How long JavaScript holds the server's event loop: eight sessions, 200 queries/s, one engine copying.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { packageRoot } from '../../src/package.js';
import { startChild } from '../../src/process/child.js';
import type { PegaClient } from '../../src/rpc/client.js';
import { type CopyingEngine, startCopyingEngine } from './copying-engine.js';
import type { Figure } from './figures.js';
import { type MeasuredServer, withServer } from './measured-server.js';
import { joinPool, type Member, randomHashes, reserve, seal } from './pool-member.js';
import { connectProbe, type ProbeWindow, probeEnvironment } from './probe-client.js';
import { queryAll, sealBlocks, smallSlotIdentity } from './query.js';

/** With the copying engine's two: eight sessions. */
const QUERYING_ENGINES = 6;
const QUERIES_PER_SECOND = 200;
const SECONDS = 10;
const WARM_UP_SECONDS = 3;
const COPIED_BLOCKS = 64;

export async function measureTasks(): Promise<Figure[]> {
  return withServer({ poolBytes: 2 * 2 ** 30, tasks: true }, async (server) => {
    const load = await prepareLoad(server);
    await load.run(WARM_UP_SECONDS);
    let window: ProbeWindow | undefined;
    const idle = await besideIdleNode(async () => {
      window = await server.probe.measure(() => load.run(SECONDS));
    });
    await load.end();
    return figuresOf(window, idle);
  });
}

interface Load {
  run(seconds: number): Promise<void>;
  end(): Promise<void>;
}

async function prepareLoad(server: MeasuredServer): Promise<Load> {
  const { client } = server;
  const copying = await startCopyingEngine(client, COPIED_BLOCKS);
  const members: Member[] = [];
  for (let engine = 0; engine < QUERYING_ENGINES; engine += 1) {
    members.push(
      await joinPool({ client, engineId: randomBytes(16), identity: smallSlotIdentity() }),
    );
  }
  const [first] = members;
  if (first === undefined) {
    throw new Error('no engine queries');
  }
  const hashes = await sealBlocks(server, first);
  return {
    run: async (seconds) => {
      const stop = new AbortController();
      await Promise.all([
        queryFor(seconds, server, members, hashes).finally(() => stop.abort()),
        copyUntil(stop.signal, client, copying),
      ]);
    },
    end: async () => {
      await copying.close();
      await Promise.all(members.map((member) => member.leave()));
    },
  };
}

/** Queries at their times, whatever the answers take. */
async function queryFor(
  seconds: number,
  server: MeasuredServer,
  members: Member[],
  hashes: Buffer,
): Promise<void> {
  const start = performance.now();
  const query = async (index: number, member: Member): Promise<void> => {
    await sleep(Math.max(0, start + (1000 * index) / QUERIES_PER_SECOND - performance.now()));
    const leaseId = await queryAll(server, member, hashes, 1);
    await server.client.release({ caller: member.caller(1), leaseIds: [leaseId] });
  };
  await Promise.all(
    Array.from({ length: QUERIES_PER_SECOND * seconds }, (_, index) => {
      const member = members[index % members.length];
      return member === undefined ? undefined : query(index, member);
    }),
  );
}

async function copyUntil(
  stopped: AbortSignal,
  client: PegaClient,
  { scheduler, copy }: CopyingEngine,
): Promise<void> {
  while (!stopped.aborted) {
    const hashes = randomHashes(COPIED_BLOCKS);
    const reservation = await reserve(client, scheduler, hashes);
    await copy('store', reservation.slots);
    await seal(client, scheduler, reservation, COPIED_BLOCKS);
    const leaseId = scheduler.nextId();
    const caller = scheduler.caller(leaseId);
    const { slots } = await client.query({ caller, leaseId, hashes, localHitBlocks: 0 });
    await copy('load-sync', slots);
    await client.release({ caller, leaseIds: [leaseId] });
  }
}

/** The same window of a Node process that does nothing: what this machine adds by itself. */
async function besideIdleNode(work: () => Promise<void>): Promise<ProbeWindow> {
  const folder = await mkdtemp(join(tmpdir(), 'pega-idle-'));
  const socket = join(folder, 'probe.sock');
  const child = await startChild({
    name: 'an idle Node',
    args: [],
    program: join(packageRoot(), 'scripts/bench-engine/idle.mjs'),
    env: probeEnvironment(socket, true),
    readyTimeoutMs: 10_000,
  });
  try {
    const probe = await connectProbe(socket);
    const window = await probe.measure(work);
    probe.close();
    return window;
  } finally {
    await child.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

function figuresOf(window: ProbeWindow | undefined, idle: ProbeWindow): Figure[] {
  if (window?.tasks === null || window === undefined) {
    throw new Error('the server carries no probe of its tasks');
  }
  const { tasks } = window;
  const delays = ({ delayP50Ms, delayP99Ms }: ProbeWindow): string =>
    `p50 ${delayP50Ms.toFixed(2)}, p99 ${delayP99Ms.toFixed(2)} ms`;
  return [
    {
      name: 'longest JavaScript task, 8 sessions, 200 queries/s, one copying',
      value: tasks.ownMsMax,
      unit: 'ms',
      limit: { atMost: 1 },
      note: `of ${tasks.count}; p99.9 ${tasks.ownMsP999.toFixed(2)} ms, ${tasks.ownOver1Ms} over 1 ms; without garbage collection`,
    },
    {
      name: 'the same with garbage collection',
      value: tasks.withCollectionsMsMax,
      unit: 'ms',
      note: `longest collection ${window.collectionMsMax.toFixed(2)} ms; ${tasks.wallMsMax.toFixed(2)} ms with waiting for a core`,
    },
    {
      name: 'event-loop delay meanwhile, longest',
      value: window.delayMaxMs,
      unit: 'ms',
      note: delays(window),
    },
    {
      name: 'event-loop delay of an idle Node beside it, longest',
      value: idle.delayMaxMs,
      unit: 'ms',
      note: delays(idle),
    },
  ];
}

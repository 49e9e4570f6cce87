// The RPC that every request of an engine waits for: Query with 640 hashes, the slots of eight ranks in
// the answer, over the Unix socket. And what `pega serve` weighs after it.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { percentile } from '../../src/bench/statistics.js';
import { LIMITS, SLOT_BYTES_ON_WIRE } from '../../src/limits.js';
import { packageRoot } from '../../src/package.js';
import { startChild } from '../../src/process/child.js';
import { connectPega, type PegaClient } from '../../src/rpc/client.js';
import { pegaService } from '../../src/rpc/definition.js';
import type { Identity } from '../../src/rpc/messages.js';
import type { Figure } from './figures.js';
import { type MeasuredServer, withServer } from './measured-server.js';
import { HASH_BYTES, joinPool, type Member, randomHashes, reserve, seal } from './pool-member.js';
import { connectProbe, type ProbeWindow, probeEnvironment } from './probe-client.js';

export const QUERY_BLOCKS = 640;
const RANKS = 8;
const WARM_UP_QUERIES = 300;
const QUERIES = 1500;
const POOL_BYTES = 2 ** 30;

/** Eight ranks with the smallest slots there are: only meaning is asked for, no bytes. */
export function smallSlotIdentity(): Identity {
  return {
    fields: { weights: 'bench:engine' },
    blockTokens: 16,
    hashBytes: HASH_BYTES,
    rankCount: RANKS,
    rankSlotBytes: Array.from({ length: RANKS }, () => 4096),
  };
}

/** Puts blocks into the pool that all engines of this identity then find. */
export async function sealBlocks(server: MeasuredServer, member: Member): Promise<Buffer> {
  const hashes = randomHashes(QUERY_BLOCKS);
  const reservation = await reserve(server.client, member, hashes);
  await seal(server.client, member, reservation, QUERY_BLOCKS);
  return hashes;
}

/** One Query that must hit all blocks; its lease id. */
export async function queryAll(
  { client }: MeasuredServer,
  member: Member,
  hashes: Buffer,
  watermark: number,
): Promise<number> {
  const leaseId = member.nextId();
  const { hitBlocks } = await client.query({
    caller: member.caller(watermark),
    leaseId,
    hashes,
    localHitBlocks: 0,
  });
  if (hitBlocks !== QUERY_BLOCKS) {
    throw new Error(`a query hit ${hitBlocks} of ${QUERY_BLOCKS} blocks`);
  }
  return leaseId;
}

async function queryLoop(
  server: MeasuredServer,
  member: Member,
  hashes: Buffer,
  count: number,
): Promise<{ latencies: number[]; leaseIds: number[] }> {
  const latencies: number[] = [];
  const leaseIds: number[] = [];
  for (let query = 0; query < count; query += 1) {
    const start = performance.now();
    leaseIds.push(await queryAll(server, member, hashes, leaseIds[0] ?? 1));
    latencies.push(performance.now() - start);
  }
  return { latencies, leaseIds };
}

/** What the library takes for the same messages when nobody computes anything (null-server.mjs). */
async function measureNullServer(hashes: Buffer): Promise<{ latencies: number[]; busyMs: number }> {
  const folder = await mkdtemp('/dev/shm/pega-bench-null-');
  const [socket, probeSocket, answerFile] = ['grpc.sock', 'probe.sock', 'answer'].map((name) =>
    join(folder, name),
  ) as [string, string, string];
  const answer = {
    bootNumber: Date.now() * 1000,
    sealedBefore: Buffer.alloc(0),
    hitBlocks: QUERY_BLOCKS,
    slots: randomBytes(QUERY_BLOCKS * RANKS * SLOT_BYTES_ON_WIRE),
  };
  await writeFile(answerFile, pegaService.Query?.responseSerialize(answer) ?? '');
  const child = await startChild({
    name: 'the null server',
    program: join(packageRoot(), 'scripts/bench-engine/null-server.mjs'),
    args: [socket, answerFile],
    env: probeEnvironment(probeSocket, false),
    readyTimeoutMs: 10_000,
  });
  const client = connectPega({ socket });
  try {
    const probe = await connectProbe(probeSocket);
    await nullQueries(client, hashes, WARM_UP_QUERIES);
    let latencies: number[] = [];
    const window = await probe.measure(async () => {
      latencies = await nullQueries(client, hashes, QUERIES);
    });
    probe.close();
    return { latencies, busyMs: busyMsOf(window) / QUERIES };
  } finally {
    client.close();
    await child.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function nullQueries(client: PegaClient, hashes: Buffer, count: number): Promise<number[]> {
  const caller = {
    engineId: randomBytes(LIMITS.engineIdBytes),
    token: randomBytes(LIMITS.nonceBytes),
    bootNumber: Date.now() * 1000,
    watermark: 1,
  };
  const latencies: number[] = [];
  for (let leaseId = 1; leaseId <= count; leaseId += 1) {
    const start = performance.now();
    await client.query({ caller, leaseId, hashes, localHitBlocks: 0 });
    latencies.push(performance.now() - start);
  }
  return latencies;
}

/** Time of the JavaScript thread on a core; where the kernel does not tell, of the loop not idle. */
function busyMsOf(window: ProbeWindow): number {
  return window.mainThreadMs ?? window.activeMs;
}

export async function measureQuery(): Promise<Figure[]> {
  return withServer({ poolBytes: POOL_BYTES }, async (server) => {
    const member = await joinPool({
      client: server.client,
      engineId: randomBytes(16),
      identity: smallSlotIdentity(),
    });
    const hashes = await sealBlocks(server, member);
    const release = (leaseIds: number[]): Promise<unknown> =>
      server.client.release({ caller: member.caller(leaseIds[0] ?? 1), leaseIds });
    await release((await queryLoop(server, member, hashes, WARM_UP_QUERIES)).leaseIds);
    let latencies: number[] = [];
    let leaseIds: number[] = [];
    const window = await server.probe.measure(async () => {
      ({ latencies, leaseIds } = await queryLoop(server, member, hashes, QUERIES));
    });
    await release(leaseIds);
    const resident = await server.residentBytes();
    const { indexBytes } = await server.client.getPool({});
    await member.leave();
    const busyMs = busyMsOf(window) / QUERIES;
    const library = await measureNullServer(hashes);
    return [
      {
        name: 'Query RPC of 640 hashes, 8 ranks, p50',
        value: percentile(latencies, 50),
        unit: 'ms',
        limit: { atMost: 0.8 },
        note: `p99 ${percentile(latencies, 99).toFixed(2)} ms, ${QUERIES} queries, one at a time`,
      },
      {
        name: 'server busy per Query, beyond the gRPC library',
        value: busyMs - library.busyMs,
        unit: 'ms',
        limit: { atMost: 0.2 },
        note: `${busyMs.toFixed(3)} ms with it: its JavaScript thread on a core`,
      },
      {
        name: 'the library alone: a server that answers the same bytes at once',
        value: library.busyMs,
        unit: 'ms',
        note: `busy per Query; p50 ${percentile(library.latencies, 50).toFixed(3)} ms`,
      },
      {
        name: 'memory of pega serve beyond pool and index',
        value: (resident - indexBytes) / 1e6,
        unit: 'MB',
        limit: { atMost: 150 },
        note: 'anonymous and file pages after the queries',
      },
    ];
  });
}

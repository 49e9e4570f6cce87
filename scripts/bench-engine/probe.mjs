// Preloaded into a process that bench:engine measures (NODE_OPTIONS=--import …): measures its event
// loop from inside, without a line in the product.
//
// Listens on the Unix socket PEGA_PROBE_SOCKET. Each line it reads is a command: `start` begins a
// window, `stop` ends it and answers with one line of JSON. With PEGA_PROBE_TASKS=1 it also times every
// JavaScript task and the loop's delay. Both cost something, so they have a process of their own.
import { closeSync, openSync, readSync } from 'node:fs';
import { createServer } from 'node:net';
import { monitorEventLoopDelay, PerformanceObserver, performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';

import { watchTasks } from './probe-tasks.mjs';

const tasks = process.env.PEGA_PROBE_TASKS === '1' ? watchTasks() : null;
const delay = monitorEventLoopDelay({ resolution: 1 });
let collected = [];
const keepCollections = (entries) => {
  for (const { startTime, duration } of entries) {
    collected.push({ startTime, duration });
  }
};
const collections = new PerformanceObserver((list) => keepCollections(list.getEntries()));
let utilization = performance.eventLoopUtilization();
let cpu = process.cpuUsage();
let mainThreadNs = mainThreadCpuNs();

function start() {
  collected = [];
  collections.observe({ entryTypes: ['gc'] });
  if (tasks !== null) {
    delay.reset();
    delay.enable();
    tasks.reset();
  }
  utilization = performance.eventLoopUtilization();
  cpu = process.cpuUsage();
  mainThreadNs = mainThreadCpuNs();
  return {};
}

function stop() {
  const loop = performance.eventLoopUtilization(utilization);
  const used = process.cpuUsage(cpu);
  const mainThreadNow = mainThreadCpuNs();
  delay.disable();
  keepCollections(collections.takeRecords());
  collections.disconnect();
  const measured = tasks?.read(collected) ?? null;
  return {
    activeMs: loop.active,
    cpuMs: (used.user + used.system) / 1000,
    mainThreadMs: mainThreadNow === null ? null : (mainThreadNow - mainThreadNs) / 1e6,
    delayP50Ms: delay.percentile(50) / 1e6,
    delayP99Ms: delay.percentile(99) / 1e6,
    delayMaxMs: delay.max / 1e6,
    collectionMsMax: Math.max(0, ...collected.map(({ duration }) => duration)),
    tasks: measured,
  };
}

/** Time that the JavaScript thread was on a core; null where the kernel does not tell. */
function mainThreadCpuNs() {
  try {
    const file = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r');
    const buffer = Buffer.alloc(64);
    const length = readSync(file, buffer, 0, buffer.length, 0);
    closeSync(file);
    return Number(buffer.toString('latin1', 0, length).split(' ')[0]);
  } catch {
    return null;
  }
}

const server = createServer((socket) => {
  socket.unref();
  socket.on('error', () => socket.destroy());
  createInterface({ input: socket }).on('line', (line) => {
    socket.write(`${JSON.stringify(line === 'start' ? start() : stop())}\n`);
  });
});
server.listen(process.env.PEGA_PROBE_SOCKET);
server.unref();

// Times every JavaScript task of a process: one callback of the event loop with the microtasks and
// ticks that it leaves. For probe.mjs alone.
//
// A task begins when a callback of something other than a promise or a tick runs, or when the loop has
// been idle in between; it ends with its last callback. For long ones the kernel says how much of the
// time the thread only waited for a core: on a busy machine that is not the task's own. Garbage is
// collected in the middle of whatever task runs; that time is told apart (probe.mjs hands it in).
import { createHook } from 'node:async_hooks';
import { openSync, readSync } from 'node:fs';
import { performance } from 'node:perf_hooks';

const CONTINUATIONS = new Set(['PROMISE', 'TickObject', 'Microtask']);
/** Shorter tasks are counted and not looked at further. */
const LONG_MS = 0.25;

export function watchTasks() {
  const beginners = new Set();
  const waited = waitedForCore();
  let depth = 0;
  let began = 0;
  let idleBefore = -1;
  let waitedBefore = 0;
  let current = { began: 0, wallMs: 0, ownMs: 0 };
  let count = 0;
  let long = [];
  let ours = true; // the task in hand is the probe's own command
  const reset = () => {
    count = 0;
    long = [];
    ours = true;
  };
  const keep = () => {
    if (ours) {
      return;
    }
    count += 1;
    if (current.wallMs > LONG_MS) {
      long.push(current);
    }
  };
  createHook({
    init(id, type) {
      if (!CONTINUATIONS.has(type)) {
        beginners.add(id);
      }
    },
    destroy(id) {
      beginners.delete(id);
    },
    before(id) {
      depth += 1;
      if (depth > 1) {
        return;
      }
      const idle = performance.nodeTiming.idleTime;
      if (idle !== idleBefore || beginners.has(id)) {
        keep();
        ours = false;
        idleBefore = idle;
        waitedBefore = waited();
        began = performance.now();
        current = { began, wallMs: 0, ownMs: 0 };
      }
    },
    after() {
      depth -= 1;
      if (depth > 0) {
        return;
      }
      const wallMs = performance.now() - began;
      const ownMs = wallMs > LONG_MS ? wallMs - (waited() - waitedBefore) : wallMs;
      current = { began, wallMs, ownMs };
    },
  }).enable();
  return {
    reset,
    /** collections: {startTime, duration} by performance.now()'s clock. */
    read: (collections) => {
      keep();
      const tasks = long.map((task) => ({ ...task, ...apart(task, collections) }));
      const most = (key) => Math.max(0, ...tasks.map((task) => task[key]));
      return {
        count,
        ownMsMax: most('ownMs'),
        ownMsP999:
          tasks.map(({ ownMs }) => ownMs).sort((a, b) => b - a)[Math.floor(count / 1000)] ??
          LONG_MS,
        withCollectionsMsMax: most('withCollectionsMs'),
        wallMsMax: most('wallMs'),
        ownOver1Ms: tasks.filter(({ ownMs }) => ownMs > 1).length,
      };
    },
  };
}

/** A task's own time without the collections that fell into it, and with them. */
function apart({ began, wallMs, ownMs }, collections) {
  const collected = collections
    .map(({ startTime, duration }) =>
      Math.max(0, Math.min(began + wallMs, startTime + duration) - Math.max(began, startTime)),
    )
    .reduce((sum, ms) => sum + ms, 0);
  return { ownMs: Math.max(0, ownMs - collected), withCollectionsMs: ownMs };
}

/** Milliseconds that this thread has waited for a core; always 0 where the kernel does not tell. */
function waitedForCore() {
  const buffer = Buffer.alloc(64);
  let file;
  try {
    file = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r');
  } catch {
    return () => 0;
  }
  return () => {
    const length = readSync(file, buffer, 0, buffer.length, 0);
    return Number(buffer.toString('latin1', 0, length).split(' ')[1]) / 1e6;
  };
}

// Times every JavaScript task of a process: one callback of the event loop with the microtasks and
// ticks that it leaves. For probe.mjs alone.
//
// A task begins when a callback of something other than a promise or a tick runs, or when the loop has
// been idle in between; it ends with its last callback. For long ones the kernel says how much of the
// time the thread only waited for a core: on a busy machine that is not the task's own.
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
  let current = { wallMs: 0, ownMs: 0 };
  let result;
  const reset = () => {
    result = { count: 0, ownMsMax: 0, wallMsMax: 0, ownOver1Ms: 0 };
    current = { wallMs: 0, ownMs: 0 };
  };
  reset();
  const keep = () => {
    result.count += 1;
    result.ownMsMax = Math.max(result.ownMsMax, current.ownMs);
    result.wallMsMax = Math.max(result.wallMsMax, current.wallMs);
    result.ownOver1Ms += current.ownMs > 1 ? 1 : 0;
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
        idleBefore = idle;
        waitedBefore = waited();
        began = performance.now();
        current = { wallMs: 0, ownMs: 0 };
      }
    },
    after() {
      depth -= 1;
      if (depth > 0) {
        return;
      }
      const wallMs = performance.now() - began;
      const ownMs = wallMs > LONG_MS ? wallMs - (waited() - waitedBefore) : wallMs;
      current = { wallMs, ownMs };
    },
  }).enable();
  return {
    reset,
    read: () => {
      keep();
      return { ...result };
    },
  };
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

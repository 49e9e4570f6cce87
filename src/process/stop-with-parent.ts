// A child that startChild started ends when its parent is gone, however the parent died.
//
// The parent holds the other end of an IPC channel, which the kernel closes with the parent. A pid
// would not do: it means nothing in another container, and is reused.

/** Set by startChild in its children's environment. */
export const WITH_PARENT_VARIABLE = 'PEGA_STOP_WITH_PARENT';

/** Longer than any orderly end takes. */
const LAST_RESORT_MS = 8000;

/** Does nothing in a process that a person or a service started. */
export function stopWithParent(): void {
  if (process.env[WITH_PARENT_VARIABLE] !== '1') {
    return;
  }
  // Not for this process's own children.
  delete process.env[WITH_PARENT_VARIABLE];
  if (!process.connected) {
    stopNow();
    return;
  }
  process.once('disconnect', stopNow);
  // Listening must not keep a process alive whose work is done.
  process.channel?.unref();
}

function stopNow(): void {
  // Nobody reads the pipes any more: a log line must not turn an orderly end into a crash.
  process.stdout.on('error', () => undefined);
  process.stderr.on('error', () => undefined);
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), LAST_RESORT_MS).unref();
  process.kill(process.pid, 'SIGTERM');
}

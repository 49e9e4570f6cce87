// Where a user's server has its Unix socket unless told otherwise.
import { join } from 'node:path';

/** pega.sock in XDG_RUNTIME_DIR, or in /tmp/pega-UID where there is none. */
export function defaultSocketPath(environment: NodeJS.ProcessEnv): string {
  const runtime = environment.XDG_RUNTIME_DIR;
  return runtime?.startsWith('/') === true
    ? join(runtime, 'pega', 'pega.sock')
    : join('/tmp', `pega-${process.getuid?.() ?? 0}`, 'pega.sock');
}

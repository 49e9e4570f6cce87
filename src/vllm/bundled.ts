// The Python side as this package brings it: where the connector, its tools and its native library lie.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { PegaError } from '../errors.js';
import { packageRoot } from '../package.js';

/** The folder to put on PYTHONPATH: `import pegaflow` works from there without an installation. */
export function pythonFolder(): string {
  return join(packageRoot(), 'python');
}

/** A script that the interpreter of a vLLM runs for us. */
export function pythonTool(
  name:
    | ('make_model.py' | 'probe_interpreter.py' | 'run_with_parent.py')
    | ('interpreter_facts.py' | 'check_connector.py' | 'unpack_wheel.py'),
): string {
  return join(pythonFolder(), 'tools', name);
}

export function libraryPath(): string {
  const path = join(packageRoot(), 'build', 'release', 'libpega.so');
  if (!existsSync(path)) {
    throw new PegaError('PEGA_ADDON_MISSING', `${path} is not there; the connector needs it`);
  }
  return path;
}

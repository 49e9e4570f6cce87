// Puts the wheel into an interpreter: with its own pip, with uv where it has none, else by ourselves.
import { execa } from 'execa';
import { PegaError } from '../errors.js';
import { runScript } from './ask-python.js';
import type { InterpreterFacts } from './interpreter-facts.js';

export type InstallMethod = 'pip' | 'uv' | 'pega';

/** Nothing is downloaded, by whichever way: dependencies are what the environment has. */
export async function installWheel(
  facts: InterpreterFacts,
  wheel: string,
  signal: AbortSignal,
): Promise<InstallMethod> {
  const { executable: python } = facts;
  if (facts.pip) {
    // Isolated: a user's pip configuration may send it elsewhere.
    const pip = ['-m', 'pip', '--isolated', '--disable-pip-version-check', 'install'];
    const how = ['--no-index', '--no-deps', '--force-reinstall', '--root-user-action=ignore'];
    await runInstaller(python, [...pip, ...how, wheel], signal);
    return 'pip';
  }
  if (await uvIsThere(signal)) {
    const how = ['--no-config', '--offline', '--no-index', '--no-deps', '--reinstall'];
    await runInstaller('uv', ['pip', 'install', ...how, '--python', python, wheel], signal);
    return 'uv';
  }
  const end = await runScript(python, 'unpack_wheel.py', [wheel], signal);
  if (end.exitCode !== 0) {
    throw failed(`${python} (unpack_wheel.py)`, end.reason);
  }
  return 'pega';
}

async function uvIsThere(signal: AbortSignal): Promise<boolean> {
  const result = await execa('uv', ['--version'], { reject: false, cancelSignal: signal });
  signal.throwIfAborted();
  return result.exitCode === 0;
}

async function runInstaller(program: string, args: string[], signal: AbortSignal): Promise<void> {
  const result = await execa(program, args, {
    stdin: 'ignore',
    reject: false,
    all: true,
    cancelSignal: signal,
  });
  signal.throwIfAborted();
  if (result.exitCode !== 0) {
    throw failed([program, ...args].join(' '), result.all?.trimEnd() || result.shortMessage || '');
  }
}

function failed(command: string, said: string): PegaError {
  return new PegaError('PEGA_CHECK_FAILED', `the installation failed: ${command}\n${said}`, {
    suggestions: ['mend what the lines above name, and run it again'],
  });
}

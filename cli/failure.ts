// What a command's error says and which exit code it has, the same with and without --json.
//
// Used by PegaCommand only. It reads three kinds of errors: PegaError, the errors of oclif's parser
// and everything else, which is a bug. It never passes an error's own fields on: oclif hangs its whole
// configuration (paths, plugins) onto parser errors.
import { stripVTControlCharacters } from 'node:util';
import { EXIT, isPegaCode, PegaError, toPegaError } from '../src/errors.js';

export interface Failure {
  code: string;
  message: string;
  exit: number;
  suggestions: string[];
}

interface OclifFields {
  oclif?: { exit?: unknown };
  /** Only errors of the parser have it; of some kinds oclif leaves the exit code at 1. */
  parse?: unknown;
  suggestions?: unknown;
}

/** @param commandId words of the command as typed, for the advice to read its help. */
export function describeFailure(thrown: unknown, commandId: string): Failure {
  if (!(thrown instanceof PegaError) && thrown instanceof Error) {
    const exit = (thrown as OclifFields).oclif?.exit;
    if (typeof exit === 'number' && !isPegaCode((thrown as { code?: unknown }).code)) {
      return ofOclif(thrown, 'parse' in thrown ? EXIT.usage : exit, commandId);
    }
  }
  const error = toPegaError(thrown);
  return {
    code: error.code,
    message: error.message,
    exit: error.exitCode,
    suggestions: [...error.suggestions],
  };
}

function ofOclif(error: Error & OclifFields, exit: number, commandId: string): Failure {
  const message = stripVTControlCharacters(error.message)
    .replace(/\s*See more help with --help\s*$/, '')
    .trim();
  const own = Array.isArray(error.suggestions) ? error.suggestions.map(String) : [];
  return {
    code: exit === EXIT.usage ? 'PEGA_USAGE' : 'PEGA_CHECK_FAILED',
    message,
    exit,
    suggestions: own.length > 0 ? own : [`see \`pega ${commandId} --help\``],
  };
}

/** The lines that a person reads on stderr. */
export function renderFailure(failure: Failure): string {
  const lines = [`Error: ${failure.message}`, `Code: ${failure.code}`];
  for (const suggestion of failure.suggestions) {
    lines.push(`Try: ${suggestion}`);
  }
  return `${lines.join('\n')}\n`;
}

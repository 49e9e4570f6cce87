// What a command's error says and which exit code it has, the same with and without --json.
//
// Used by PegaCommand only. It reads three kinds of errors: PegaError, the errors of oclif's parser
// and everything else, which is a bug. It never passes an error's own fields on: oclif hangs its whole
// configuration (paths, plugins) onto parser errors.
import { stripVTControlCharacters } from 'node:util';
import { nearestName } from '../src/config/nearest.js';
import { EXIT, isPegaCode, PegaError, toPegaError } from '../src/errors.js';

export interface Failure {
  code: string;
  message: string;
  exit: number;
  suggestions: string[];
}

interface OclifFields {
  oclif?: { exit?: unknown };
  /** Only errors of the parser have it, and not all of them. */
  parse?: unknown;
  /** The flags that do not exist, as typed. */
  flags?: unknown;
}

export interface FailedCommand {
  /** Its words as typed, for the advice to read its help. */
  words: string;
  flagNames: string[];
}

export function describeFailure(thrown: unknown, command: FailedCommand): Failure {
  if (!(thrown instanceof PegaError) && thrown instanceof Error) {
    const exit = (thrown as OclifFields).oclif?.exit;
    if (typeof exit === 'number' && !isPegaCode((thrown as { code?: unknown }).code)) {
      return ofOclif(thrown, exit, command);
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

function ofOclif(error: Error & OclifFields, exit: number, command: FailedCommand): Failure {
  // Of some kinds the parser's errors have oclif's default code, which is 1. A check that failed is
  // never told by oclif.
  const isUsage = 'parse' in error || exit === EXIT.usage || exit === EXIT.checkFailed;
  return {
    code: isUsage ? 'PEGA_USAGE' : 'PEGA_CHECK_FAILED',
    message: oneLine(error.message),
    exit: isUsage ? EXIT.usage : exit,
    suggestions: [
      ...nearestFlags(error.flags, command.flagNames),
      `see \`pega ${command.words} --help\``,
    ],
  };
}

/** oclif's sentences without their line breaks, colours and headings. */
function oneLine(message: string): string {
  return stripVTControlCharacters(message)
    .replace(/\s*See more help with --help\s*$/, '')
    .replace(/^The following errors? occurred:/, '')
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/^Parsing (--\S+) Expected/, '$1: expected');
}

function nearestFlags(unknown: unknown, known: string[]): string[] {
  const typed = Array.isArray(unknown) ? unknown.map(String) : [];
  return typed.flatMap((flag) => {
    const name = /^--([^=]+)/.exec(flag)?.[1];
    const nearest = name === undefined ? undefined : nearestName(name, known);
    return nearest === undefined ? [] : [`did you mean --${nearest}?`];
  });
}

/** The lines that a person reads on stderr. */
export function renderFailure(failure: Failure): string {
  const lines = [`Error: ${failure.message}`, `Code: ${failure.code}`];
  for (const suggestion of failure.suggestions) {
    lines.push(`Try: ${suggestion}`);
  }
  return `${lines.join('\n')}\n`;
}

// How a person changes an environment: with its pip, or with uv where it has none. For advice.
import type { InterpreterFacts } from './interpreter-facts.js';
import { shellWord } from './shell-word.js';

export function pipCommand(
  { pip, executable }: InterpreterFacts,
  verb: 'install' | 'uninstall',
  ...words: string[]
): string {
  const program = pip
    ? `${shellWord(executable)} -m pip ${verb}`
    : `uv pip ${verb} --python ${shellWord(executable)}`;
  return [program, ...words.map(shellWord)].join(' ');
}

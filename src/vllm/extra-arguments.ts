// --vllm-args: the words of one string as a shell would split them, and what they may not say.
import { PegaError } from '../errors.js';

/** Flags that a run of ours needs as it sets them: it would wait for an address that never answers. */
const OURS = [
  ...['model', 'served-model-name', 'kv-transfer-config', 'host', 'port', 'uds', 'api-key'],
  ...['root-path', 'ssl-keyfile', 'ssl-certfile', 'headless'],
];
const QUOTED_OR_PLAIN = /\\(.)|'([^']*)'|"((?:[^"\\]|\\.)*)"|([^\s'"\\]+)|(\s+)|(.)/gsy;

export function parseExtraArguments(text: string): string[] {
  const words = splitWords(text);
  for (const word of words) {
    const name = /^--([\w-]+)/.exec(word)?.[1]?.replaceAll('_', '-');
    if (name !== undefined && OURS.includes(name)) {
      throw refused(`--${name} is set by pega`, [
        'leave it out',
        'start vLLM yourself and name it with --url',
      ]);
    }
  }
  return words;
}

/** Quotes and backslashes as in a POSIX shell; nothing is expanded. */
function splitWords(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (const match of text.matchAll(QUOTED_OR_PLAIN)) {
    const [, escaped, single, double, plain, space, stray] = match;
    if (stray !== undefined) {
      throw refused(`${stray} at position ${match.index + 1} has no end`, [
        `close it, like --vllm-args "--hf-overrides '{...}'"`,
      ]);
    }
    if (space !== undefined) {
      words.push(...(word === undefined ? [] : [word]));
      word = undefined;
      continue;
    }
    const part = escaped ?? single ?? double?.replace(/\\(["\\$`])/g, '$1') ?? plain ?? '';
    word = (word ?? '') + part;
  }
  return word === undefined ? words : [...words, word];
}

/** The value of a flag among the words, written `--name value` or `--name=value`; the last one counts. */
export function flagValue(words: readonly string[], name: string): string | undefined {
  let value: string | undefined;
  words.forEach((word, index) => {
    const spelled = word.replace(/^--[\w-]+/, (flag) => flag.replaceAll('_', '-'));
    if (spelled === `--${name}`) {
      value = words[index + 1];
    } else if (spelled.startsWith(`--${name}=`)) {
      value = spelled.slice(name.length + '--='.length);
    }
  });
  return value;
}

function refused(why: string, suggestions: string[]): PegaError {
  return new PegaError('PEGA_INVALID_ARGUMENT', `--vllm-args: ${why}`, { suggestions });
}

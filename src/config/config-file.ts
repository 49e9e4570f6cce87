// A configuration file: a YAML mapping from option names to plain values, all as text.

import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { PegaError } from '../errors.js';
import { nearestName } from './nearest.js';

export function readConfigFile(path: string, known: readonly string[]): Record<string, string> {
  const values: Record<string, string> = {};
  for (const [key, value] of Object.entries(readMapping(path))) {
    if (!known.includes(key)) {
      throw unknownKey(path, key, known);
    }
    if (typeof value !== 'string' && typeof value !== 'number') {
      throw new PegaError(
        'PEGA_CONFIG',
        `${path}: ${key} is ${JSON.stringify(value)}; required is one text or number`,
      );
    }
    values[key] = String(value);
  }
  return values;
}

function readMapping(path: string): object {
  const text = readText(path);
  let content: unknown;
  try {
    content = parse(text, { logLevel: 'error' });
  } catch (cause) {
    throw new PegaError('PEGA_CONFIG', `${path} cannot be read as YAML: ${firstLine(cause)}`, {
      suggestions: ['write one option a line, like `pool-size: 30gb`'],
      cause,
    });
  }
  if (content === null) {
    return {};
  }
  if (typeof content !== 'object' || Array.isArray(content)) {
    throw new PegaError('PEGA_CONFIG', `${path} holds no mapping of option names to values`, {
      suggestions: ['write one option a line, like `pool-size: 30gb`'],
    });
  }
  return content;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new PegaError('PEGA_CONFIG', `${path} cannot be read: ${firstLine(cause)}`, {
      suggestions: ['name a file that this user can read with --config or PEGA_CONFIG'],
      cause,
    });
  }
}

function firstLine(thrown: unknown): string {
  return thrown instanceof Error ? (thrown.message.split('\n')[0] ?? '') : String(thrown);
}

function unknownKey(path: string, key: string, known: readonly string[]): PegaError {
  const nearest = nearestName(key, known);
  return new PegaError('PEGA_CONFIG', `${path}: there is no option "${key}"`, {
    suggestions: [
      nearest === undefined ? `known options: ${known.join(', ')}` : `did you mean "${nearest}"?`,
    ],
  });
}

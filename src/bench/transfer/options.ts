// The lists of `pega bench transfer` as people write them: sizes, orders, GPUs, words.
import { parseNamed } from '../../config/named-value.js';
import { PegaError } from '../../errors.js';
import { parseBytes } from '../../units.js';
import { ORDERS, type OrderPair } from './scenarios.js';

const SEGMENT_BYTES_MAX = 32 * 1024 ** 2;

/** "a,b": each once, none empty. */
function parseList<T>(flag: string, text: string, parse: (word: string) => T): T[] {
  const words = text.split(',').map((word) => word.trim());
  if (new Set(words).size !== words.length || words.includes('')) {
    throw invalid(`${flag} "${text}" has an empty or repeated element; required is each once`, [
      'write it with commas and no spaces',
    ]);
  }
  return words.map((word) => parseNamed(flag, word, parse));
}

export function parseWords<T extends string>(flag: string, text: string, known: readonly T[]): T[] {
  return parseList(flag, text, (word) => {
    const found = known.find((name) => name === word);
    if (found === undefined) {
      throw invalid(`"${word}" is not known; required is one or more of ${known.join(', ')}`, [
        `write it like ${known.join(',')}`,
      ]);
    }
    return found;
  });
}

export function parseCounts(flag: string, text: string, max: number): number[] {
  return parseList(flag, text, (word) => {
    const count = Number(word);
    if (!/^\d+$/.test(word) || count < 1 || count > max) {
      throw invalid(`"${word}" is no count; required are whole numbers from 1 to ${max}`, [
        'write it like 32 or 16,625',
      ]);
    }
    return count;
  });
}

/** 8kib, 64kb, 2mib, 65536: all powers of 1024. */
export function parseSize(text: string): number {
  return parseBytes(text.replace(/([kmgt])ib$/i, '$1b'));
}

export function parseSegments(flag: string, text: string): number[] {
  return parseList(flag, text, (word) => {
    const bytes = parseSize(word);
    if (bytes % 8 !== 0 || bytes > SEGMENT_BYTES_MAX) {
      throw invalid(`"${word}" is no segment; required are multiples of 8 bytes up to 32mib`, [
        'write it like 8kib,64kib,2mib',
      ]);
    }
    return bytes;
  });
}

/** "shuffled/run": blocks on the device, slots on the host; one word is both. */
export function parseOrders(flag: string, text: string): OrderPair[] {
  return parseList(flag, text, (word) => {
    const [device, host = device, ...more] = word
      .split('/')
      .map((name) => ORDERS.find((order) => order === name));
    if (device === undefined || host === undefined || more.length > 0) {
      throw invalid(
        `"${word}" is no order; required is DEVICE/HOST, each of them ${ORDERS.join(', ')}`,
        ['write it like shuffled/run,runs16/runs16'],
      );
    }
    return { device, host };
  });
}

/** Undefined: all. */
export function parseGpus(flag: string, text: string): number[] | undefined {
  if (text === 'all') {
    return undefined;
  }
  return parseList(flag, text, (word) => {
    if (!/^\d{1,3}$/.test(word)) {
      throw invalid(`"${word}" is no GPU; required are numbers, or all`, [
        'write it like 0, 0,1 or all',
      ]);
    }
    return Number(word);
  });
}

function invalid(message: string, suggestions: string[]): PegaError {
  return new PegaError('PEGA_INVALID_ARGUMENT', message, { suggestions });
}

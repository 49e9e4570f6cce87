// The options of `pega serve`: their names, defaults and what each must look like. Flags, PEGA_*
// variables and the file's keys all come from this table.

import { z } from 'zod';
import { PegaError } from '../errors.js';
import { LOG_LEVELS, type LogLevel } from '../log.js';
import { parseHostPort } from './addresses.js';
import { parsePoolSize } from './pool-size.js';

export type HugePages = 'auto' | 'off' | 'require';
export type NumaNode = 'auto' | 'off' | number;

/** A parser of ours as a zod step: its PegaError becomes the issue's message. */
function parsed<T>(parse: (text: string) => T) {
  return z.string().transform((text, context): T => {
    try {
      return parse(text);
    } catch (thrown) {
      if (!(thrown instanceof PegaError)) {
        throw thrown;
      }
      context.addIssue({
        code: 'custom',
        message: thrown.message,
        params: { suggestions: thrown.suggestions },
      });
      return z.NEVER;
    }
  });
}

function parseDevices(text: string): 'cpu' | readonly number[] {
  if (text === 'cpu') {
    return 'cpu';
  }
  const parts = text.split(',');
  if (!parts.every((part) => /^\d{1,3}$/.test(part)) || new Set(parts).size !== parts.length) {
    throw new PegaError(
      'PEGA_INVALID_ARGUMENT',
      `"${text}" is not a device; required are GPU numbers, each once, or cpu`,
      { suggestions: ['write it like 0, 0,1 or cpu'] },
    );
  }
  return Object.freeze(parts.map(Number));
}

function parseFolder(text: string): string {
  if (!text.startsWith('/')) {
    throw new PegaError(
      'PEGA_INVALID_ARGUMENT',
      `"${text}" is not a full path; required is a folder that starts with /`,
      { suggestions: ['write it like /dev/shm'] },
    );
  }
  return text;
}

function parseHugePages(text: string): HugePages {
  if (text !== 'auto' && text !== 'off' && text !== 'require') {
    throw new PegaError(
      'PEGA_INVALID_ARGUMENT',
      `"${text}" says nothing about huge pages; required is auto, off or require`,
      { suggestions: ['write it like auto'] },
    );
  }
  return text;
}

function parseNumaNode(text: string): NumaNode {
  if (text === 'auto' || text === 'off') {
    return text;
  }
  if (!/^\d{1,4}$/.test(text)) {
    throw new PegaError(
      'PEGA_INVALID_ARGUMENT',
      `"${text}" is no NUMA node; required is a node's number, auto or off`,
      { suggestions: ['write it like 0; `lscpu` shows the nodes'] },
    );
  }
  return Number(text);
}

function parseLogLevel(text: string): LogLevel {
  const level = LOG_LEVELS.find((known) => known === text);
  if (level === undefined) {
    throw new PegaError(
      'PEGA_INVALID_ARGUMENT',
      `"${text}" is no log level; required is one of ${LOG_LEVELS.join(', ')}`,
      { suggestions: ['write it like info'] },
    );
  }
  return level;
}

const name = z.string().min(1, 'is empty; required is a name');

export const SERVE_OPTIONS = z.strictObject({
  addr: parsed(parseHostPort).prefault('127.0.0.1:50055'),
  /** Empty: pega.sock in the user's runtime folder. */
  socket: z.string().min(1, 'is empty; required is a path').optional(),
  group: name.optional(),
  device: parsed(parseDevices).prefault('0'),
  'pool-size': parsed(parsePoolSize).prefault('30gb'),
  'pool-dir': parsed(parseFolder).prefault('/dev/shm'),
  'slab-dir': parsed(parseFolder).optional(),
  'huge-pages': parsed(parseHugePages).prefault('auto'),
  'numa-node': parsed(parseNumaNode).prefault('auto'),
  'http-addr': parsed(parseHostPort).prefault('127.0.0.1:9091'),
  'log-level': parsed(parseLogLevel).prefault('info'),
});

export type ServeOptionName = keyof z.input<typeof SERVE_OPTIONS>;
export type ServeOptions = z.output<typeof SERVE_OPTIONS>;
export const SERVE_OPTION_NAMES = Object.keys(SERVE_OPTIONS.shape) as ServeOptionName[];

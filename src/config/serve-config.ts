// The configuration of `pega serve`: flags over PEGA_* variables over --config FILE over defaults,
// parsed once into a frozen object that the server trusts.

import type { z } from 'zod';
import { PegaError } from '../errors.js';
import type { LogLevel } from '../log.js';
import type { HostPort } from './addresses.js';
import { readConfigFile } from './config-file.js';
import {
  type HugePages,
  type NumaNode,
  SERVE_OPTION_NAMES,
  SERVE_OPTIONS,
  type ServeOptionName,
  type ServeOptions,
} from './serve-options.js';

export interface ServeConfig {
  readonly address: HostPort;
  readonly httpAddress: HostPort;
  /** Undefined: the default place of the user's runtime folder. */
  readonly socketPath: string | undefined;
  readonly group: string | undefined;
  /** The GPUs that this server is for. */
  readonly devices: 'cpu' | readonly number[];
  readonly poolBytes: number;
  readonly poolDir: string;
  /** Undefined: slabs lie in the pool's folder. */
  readonly slabDir: string | undefined;
  /** require: no pool without them. */
  readonly hugePages: HugePages;
  /** Where the slabs' memory lies; auto: at the GPUs. */
  readonly numaNode: NumaNode;
  readonly logLevel: LogLevel;
}

export interface ConfigSources {
  /** Only those that were given. */
  flags: { readonly [Name in ServeOptionName]?: string | undefined };
  environment: NodeJS.ProcessEnv;
  /** --config; PEGA_CONFIG counts where it is undefined. */
  file: string | undefined;
}

/** pool-size → PEGA_POOL_SIZE. */
export function variableOf(option: string): string {
  return `PEGA_${option.toUpperCase().replaceAll('-', '_')}`;
}

interface Origin {
  text: string;
  where: string;
}

export function resolveServeConfig(sources: ConfigSources): ServeConfig {
  const origins = collect(sources);
  const texts = Object.fromEntries([...origins].map(([option, { text }]) => [option, text]));
  const result = SERVE_OPTIONS.safeParse(texts);
  if (!result.success) {
    throw refusal(result.error.issues, origins);
  }
  return freeze(result.data);
}

function collect({ flags, environment, file }: ConfigSources): Map<string, Origin> {
  const path = file ?? (environment[variableOf('config')] || undefined);
  const fromFile = path === undefined ? {} : readConfigFile(path, SERVE_OPTION_NAMES);
  const origins = new Map<string, Origin>();
  for (const option of SERVE_OPTION_NAMES) {
    const variable = variableOf(option);
    const candidates = [
      { text: flags[option], where: `--${option}` },
      // A variable set to nothing is the shell's way to unset it.
      { text: environment[variable] || undefined, where: variable },
      { text: fromFile[option], where: `${path}: ${option}` },
    ];
    for (const { text, where } of candidates) {
      if (text !== undefined) {
        origins.set(option, { text, where });
        break;
      }
    }
  }
  return origins;
}

/** The first issue, told with the place that the value came from. */
function refusal(issues: z.core.$ZodIssue[], origins: Map<string, Origin>): PegaError {
  const [issue] = issues;
  const option = String(issue?.path[0] ?? '');
  const origin = origins.get(option);
  const where = origin?.where ?? option;
  const isFlag = where.startsWith('--');
  const suggestions = issue?.code === 'custom' ? issue.params?.suggestions : undefined;
  return new PegaError(
    isFlag ? 'PEGA_INVALID_ARGUMENT' : 'PEGA_CONFIG',
    `${where}: ${issue?.message ?? 'not understood'}`,
    Array.isArray(suggestions) ? { suggestions: suggestions.map(String) } : {},
  );
}

function freeze(options: ServeOptions): ServeConfig {
  return Object.freeze({
    address: Object.freeze(options.addr),
    httpAddress: Object.freeze(options['http-addr']),
    socketPath: options.socket,
    group: options.group,
    devices: options.device,
    poolBytes: options['pool-size'],
    poolDir: options['pool-dir'],
    slabDir: options['slab-dir'],
    hugePages: options['huge-pages'],
    numaNode: options['numa-node'],
    logLevel: options['log-level'],
  });
}

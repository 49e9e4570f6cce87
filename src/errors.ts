// Every error a user can meet: one table of codes with exit code, gRPC status and advice.
//
// Any room may throw PegaError; commands/ and src/rpc render it. It knows neither oclif nor grpc-js:
// the exit code sits in the two fields that oclif reads (`exitCode` under --json, `oclif.exit`
// without), and the gRPC status is a plain number.

/** Exit codes of every command, the same with --json (DESIGN §7). */
export const EXIT = {
  ok: 0,
  checkFailed: 1,
  usage: 2,
  invalidRun: 3,
  unavailable: 69,
  internal: 70,
  gateInconclusive: 98,
  gateFailed: 99,
  interrupted: 130,
} as const;

interface Kind {
  exit: number;
  /** google.rpc.Code. */
  grpc: number;
  advice: string;
}

const INVALID_ARGUMENT = 3;
const DEADLINE_EXCEEDED = 4;
const NOT_FOUND = 5;
const ALREADY_EXISTS = 6;
const PERMISSION_DENIED = 7;
const RESOURCE_EXHAUSTED = 8;
const FAILED_PRECONDITION = 9;
const ABORTED = 10;
const UNIMPLEMENTED = 12;
const INTERNAL = 13;
const UNAVAILABLE = 14;
const DATA_LOSS = 15;

const KINDS = {
  PEGA_INVALID_ARGUMENT: {
    exit: EXIT.usage,
    grpc: INVALID_ARGUMENT,
    advice: 'correct the value that the message names',
  },
  PEGA_USAGE: { exit: EXIT.usage, grpc: INVALID_ARGUMENT, advice: 'see `pega COMMAND --help`' },
  PEGA_CONFIG: {
    exit: EXIT.usage,
    grpc: INVALID_ARGUMENT,
    advice: 'correct the configuration file or variable that the message names',
  },
  PEGA_NOT_FOUND: {
    exit: EXIT.checkFailed,
    grpc: NOT_FOUND,
    advice: 'register again, then repeat',
  },
  PEGA_ALREADY_EXISTS: {
    exit: EXIT.checkFailed,
    grpc: ALREADY_EXISTS,
    advice: 'use another id, or stop the process that has this one',
  },
  PEGA_ADDRESS_IN_USE: {
    exit: EXIT.unavailable,
    grpc: UNAVAILABLE,
    advice: 'stop the process that has the address, or choose another one',
  },
  PEGA_POOL_BUSY: {
    exit: EXIT.unavailable,
    grpc: UNAVAILABLE,
    advice: 'stop that server, or give this one another --pool-dir',
  },
  PEGA_STALE_BOOT: {
    exit: EXIT.unavailable,
    grpc: ABORTED,
    advice: 'the server restarted: register again; nothing that it granted before is valid',
  },
  PEGA_NOT_SAME_HOST: {
    exit: EXIT.unavailable,
    grpc: FAILED_PRECONDITION,
    advice: "run the engine on the server's host, with the pool folder mounted at the same path",
  },
  PEGA_WRONG_OWNER: {
    exit: EXIT.checkFailed,
    grpc: PERMISSION_DENIED,
    advice: "use the engine id and token that this engine's own Register answered",
  },
  PEGA_NOT_RESERVED: {
    exit: EXIT.checkFailed,
    grpc: FAILED_PRECONDITION,
    advice: 'seal only blocks that Reserve granted to this reservation, with their generations',
  },
  PEGA_ID_REUSED: {
    exit: EXIT.checkFailed,
    grpc: ALREADY_EXISTS,
    advice: 'give each lease and reservation the next id of one rising sequence',
  },
  PEGA_LIMIT: {
    exit: EXIT.usage,
    grpc: RESOURCE_EXHAUSTED,
    advice: 'split the call or raise the watermark; limits are listed in proto/pega/v1/pega.proto',
  },
  PEGA_NO_SPACE: {
    exit: EXIT.unavailable,
    grpc: RESOURCE_EXHAUSTED,
    advice: 'choose a smaller --pool-size, or free memory',
  },
  PEGA_SLAB_CHANGED: {
    exit: EXIT.unavailable,
    grpc: DATA_LOSS,
    advice:
      'leave the files of the pool folder to pega; the slab is retired, its blocks are misses',
  },
  PEGA_LAYOUT_VERSION: {
    exit: EXIT.unavailable,
    grpc: FAILED_PRECONDITION,
    advice: 'run the same version of pega in the server and in every engine',
  },
  PEGA_CANCELLED: { exit: EXIT.unavailable, grpc: ABORTED, advice: 'treat it as a miss' },
  PEGA_TIMEOUT: {
    exit: EXIT.unavailable,
    grpc: DEADLINE_EXCEEDED,
    advice: 'look at the log of the process that did not answer',
  },
  PEGA_UNSUPPORTED: {
    exit: EXIT.unavailable,
    grpc: UNIMPLEMENTED,
    advice: 'see README.md for what is supported',
  },
  PEGA_IO: {
    exit: EXIT.unavailable,
    grpc: UNAVAILABLE,
    advice: 'look at the file or folder that the message names: existence, permissions, space',
  },
  PEGA_DEVICE: {
    exit: EXIT.unavailable,
    grpc: UNAVAILABLE,
    advice: 'see `pega doctor`; after an error that ends the GPU context, start the process again',
  },
  PEGA_UNAVAILABLE: {
    exit: EXIT.unavailable,
    grpc: UNAVAILABLE,
    advice: 'start the server with `pega serve`, or name its address with --addr or --socket',
  },
  PEGA_ADDON_MISSING: {
    exit: EXIT.unavailable,
    grpc: UNAVAILABLE,
    advice: 'build it with `npm run build`',
  },
  PEGA_CHECK_FAILED: { exit: EXIT.checkFailed, grpc: DATA_LOSS, advice: 'see the report above' },
  PEGA_INVALID_RUN: {
    exit: EXIT.invalidRun,
    grpc: FAILED_PRECONDITION,
    advice: 'the figures of this run do not count; mend what the message names and run again',
  },
  PEGA_INTERRUPTED: { exit: EXIT.interrupted, grpc: ABORTED, advice: 'run it again' },
  PEGA_INTERNAL: {
    exit: EXIT.internal,
    grpc: INTERNAL,
    advice: 'this is a bug in pega: please report it with this message',
  },
} as const satisfies Record<string, Kind>;

export type PegaCode = keyof typeof KINDS;

export const PEGA_CODES = Object.keys(KINDS) as PegaCode[];

export function isPegaCode(code: unknown): code is PegaCode {
  return typeof code === 'string' && Object.hasOwn(KINDS, code);
}

/** google.rpc.Code for a PEGA_… code. */
export function grpcStatusOf(code: PegaCode): number {
  return KINDS[code].grpc;
}

export interface PegaErrorOptions {
  /** What to try; the code's own advice where there is nothing more precise. */
  suggestions?: string[];
  cause?: unknown;
}

export class PegaError extends Error {
  readonly code: PegaCode;
  readonly suggestions: string[];
  readonly exitCode: number;
  readonly oclif: { exit: number };

  /** @param message what was found and what is required, one or two sentences without the code. */
  constructor(code: PegaCode, message: string, options: PegaErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.name = 'PegaError';
    this.code = code;
    this.suggestions = options.suggestions ?? [KINDS[code].advice];
    this.exitCode = KINDS[code].exit;
    this.oclif = { exit: this.exitCode };
  }
}

/** Any thrown value as a PegaError: native errors keep their code, strangers become PEGA_INTERNAL. */
export function toPegaError(thrown: unknown): PegaError {
  if (thrown instanceof PegaError) {
    return thrown;
  }
  if (thrown instanceof Error) {
    const code = (thrown as Error & { code?: unknown }).code;
    return isPegaCode(code)
      ? new PegaError(code, thrown.message, { cause: thrown })
      : new PegaError('PEGA_INTERNAL', thrown.message, { cause: thrown });
  }
  return new PegaError('PEGA_INTERNAL', String(thrown));
}

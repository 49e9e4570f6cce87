// A file that is there whole or not at all: written beside its place and renamed into it.
import { randomBytes } from 'node:crypto';
import { accessSync, constants, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { PegaError } from '../../errors.js';

/** Before minutes of measuring: throws PEGA_IO where the file could not be written afterwards. */
export function requireWritable(flag: string, path: string): void {
  try {
    accessSync(dirname(path), constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw cannotWrite(flag, path, cause);
  }
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) {
    throw cannotWrite(flag, path, new Error('it is a folder'));
  }
}

export function writeWhole(flag: string, path: string, text: string): void {
  const unfinished = join(
    dirname(path),
    `.${basename(path)}.${randomBytes(4).toString('hex')}.tmp`,
  );
  try {
    writeFileSync(unfinished, text, { flag: 'wx' });
    renameSync(unfinished, path);
  } catch (cause) {
    rmSync(unfinished, { force: true });
    throw cannotWrite(flag, path, cause);
  }
}

function cannotWrite(flag: string, path: string, cause: unknown): PegaError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new PegaError('PEGA_IO', `${flag} ${path} can't be written: ${why}`, {
    suggestions: ['name a file in an existing folder that you may write to'],
    cause,
  });
}

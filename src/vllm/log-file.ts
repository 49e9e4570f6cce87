// The log of one vLLM: a file that is removed with its run, or kept where something went wrong.
import {
  closeSync,
  createWriteStream,
  fstatSync,
  openSync,
  readSync,
  renameSync,
  type WriteStream,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

export interface LogFile {
  /** For stdout and stderr of the process, which writes to the file by itself. */
  readonly stream: WriteStream;
  /** The newest lines, oldest first, with what vLLM puts before a message. */
  tail(count: number): string[];
  /** The first line that names an error: often the cause, with the rest of the log its consequences. */
  firstError(): string | undefined;
  /** Moves the file to where no run removes it; what is written later goes there too. */
  keep(): string;
  close(): void;
}

const READ_BYTES_MAX = 256 * 1024;
const LINE_CHARS_MAX = 300;
/** The class of a Python error at the start of what a traceback ends with, after vLLM's own prefixes. */
const ERROR = /^(?:\([^)]*\) )*(?:ERROR \S+ \S+ \[[^\]]*\] )*(?:\w+\.)*\w*(?:Error|Exception): /;

const PREFIX = /^(?:\([^)]*\) )*(?:[A-Z]+:? +)?(?:\d\d-\d\d [\d:]+ )?(?:\[[^\]]*:\d+\] )?\s*/;

/** A line without process, level, time and place in vLLM's source. */
export function messageOf(line: string): string {
  return line.replace(PREFIX, '');
}

/** @param folder of the run: the file goes with it unless it is kept. */
export function openLogFile(folder: string): LogFile {
  let path = join(folder, 'vllm.log');
  let kept = false;
  // Read as well: the file may be moved, its descriptor stays.
  const descriptor = openSync(path, 'ax+', 0o600);
  let isOpen = true;
  const read = (fromEnd: boolean): string[] => {
    if (!isOpen) {
      return [];
    }
    const { size } = fstatSync(descriptor);
    const bytes = Buffer.alloc(Math.min(size, READ_BYTES_MAX));
    readSync(descriptor, bytes, 0, bytes.length, fromEnd ? size - bytes.length : 0);
    return bytes
      .toString('utf8')
      .split(/[\r\n]+/)
      .map(readable)
      .filter((line) => line !== '');
  };
  return {
    stream: createWriteStream('', { fd: descriptor, autoClose: false }),
    tail: (count) => read(true).slice(-count),
    firstError: () => read(false).find((line) => ERROR.test(line)),
    keep: () => {
      if (!kept) {
        const name = `pega-vllm-${process.pid}-${Date.now()}.log`;
        renameSync(path, join(tmpdir(), name));
        path = join(tmpdir(), name);
        kept = true;
      }
      return path;
    },
    close: () => {
      if (isOpen) {
        isOpen = false;
        closeSync(descriptor);
      }
    },
  };
}

function readable(line: string): string {
  return stripVTControlCharacters(line).trimEnd().slice(0, LINE_CHARS_MAX);
}

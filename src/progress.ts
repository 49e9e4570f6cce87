// One line for each phase on stderr: elapsed time and what is done of it. Never stdout: that is the result's.

export interface PhaseProgress {
  update(done: number): void;
  end(): void;
}

export interface WaitProgress {
  /** What is known of it now. */
  update(detail: string): void;
  end(): void;
}

export interface Progress {
  /** Something that takes a while before or between the phases. */
  note(text: string): void;
  /** The same where it takes minutes: with the time so far and what is known of it. */
  wait(text: string): WaitProgress;
  /** @param unit what is counted; requests unless told. */
  phase(name: string, total: number, unit?: string): PhaseProgress;
  /** Takes away what is not a whole line yet, so that what follows starts on its own. */
  close(): void;
}

const TERMINAL_EVERY_MS = 200;
const LOG_EVERY_MS = 5000;
const LOG_WAIT_EVERY_MS = 10_000;
const DETAIL_CHARS = 90;
const CLEAR_LINE = '\r\u001b[K';

export function progressTo(stream: NodeJS.WriteStream): Progress {
  const terminal = stream.isTTY === true;
  /** Shows a line again and again; its last state stays only where it says something that counts. */
  const follow = (line: (seconds: string) => string, everyLogMs: number, stays: boolean) => {
    const startMs = performance.now();
    const now = () => line(((performance.now() - startMs) / 1000).toFixed(1));
    const show = () => void stream.write(terminal ? `${CLEAR_LINE}${now()}` : `${now()}\n`);
    show();
    const ticking = setInterval(show, terminal ? TERMINAL_EVERY_MS : everyLogMs);
    return () => {
      clearInterval(ticking);
      if (stays) {
        stream.write(terminal ? `${CLEAR_LINE}${now()}\n` : `${now()}\n`);
      }
    };
  };
  return {
    note: (text) => void stream.write(terminal ? `${CLEAR_LINE}${text}` : `${text}\n`),
    wait: (text) => {
      let detail = '';
      const line = (seconds: string) =>
        `${text} … ${seconds} s${detail === '' ? '' : `: ${shortened(detail)}`}`;
      const end = follow(line, LOG_WAIT_EVERY_MS, false);
      return {
        update: (newest) => {
          detail = newest;
        },
        end,
      };
    },
    phase: (name, total, unit = 'requests') => {
      let done = 0;
      const line = (seconds: string) => `${name}: ${seconds} s, ${done}/${total} ${unit}`;
      const end = follow(line, LOG_EVERY_MS, true);
      return {
        update: (count) => {
          done = count;
        },
        end,
      };
    },
    close: () => void (terminal && stream.write(CLEAR_LINE)),
  };
}

/** One line of a terminal is not made two. */
function shortened(detail: string): string {
  return detail.length > DETAIL_CHARS ? `${detail.slice(0, DETAIL_CHARS - 1)}…` : detail;
}

export const SILENT: Progress = {
  note: () => undefined,
  wait: () => ({ update: () => undefined, end: () => undefined }),
  phase: () => ({ update: () => undefined, end: () => undefined }),
  close: () => undefined,
};

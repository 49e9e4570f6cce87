// One line for each phase on stderr: elapsed time and requests done. Never stdout: that is the result's.

export interface PhaseProgress {
  update(done: number): void;
  end(): void;
}

export interface Progress {
  /** Something that takes a while before or between the phases. */
  note(text: string): void;
  phase(name: string, total: number): PhaseProgress;
  /** Takes away what is not a whole line yet, so that what follows starts on its own. */
  close(): void;
}

const TERMINAL_EVERY_MS = 200;
const LOG_EVERY_MS = 5000;
const CLEAR_LINE = '\r\u001b[K';

export function progressTo(stream: NodeJS.WriteStream): Progress {
  const terminal = stream.isTTY === true;
  return {
    note: (text) => void stream.write(terminal ? `${CLEAR_LINE}${text}` : `${text}\n`),
    phase: (name, total) => {
      const startMs = performance.now();
      let done = 0;
      const line = () => {
        const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
        return `${name}: ${seconds} s, ${done}/${total} requests`;
      };
      const show = () => void stream.write(terminal ? `${CLEAR_LINE}${line()}` : `${line()}\n`);
      show();
      const ticking = setInterval(show, terminal ? TERMINAL_EVERY_MS : LOG_EVERY_MS);
      return {
        update: (count) => {
          done = count;
        },
        end: () => {
          clearInterval(ticking);
          stream.write(terminal ? `${CLEAR_LINE}${line()}\n` : `${line()}\n`);
        },
      };
    },
    close: () => void (terminal && stream.write(CLEAR_LINE)),
  };
}

export const SILENT: Progress = {
  note: () => undefined,
  phase: () => ({ update: () => undefined, end: () => undefined }),
  close: () => undefined,
};

// Runs one program of a set-up and shows that it lives: its newest line of output, with the seconds.
//
// For scripts/setup.mjs and scripts/quickstart.mjs. Uses Node's own modules alone: on a fresh clone
// nothing is installed yet.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const LINES_KEPT = 60;
/** A terminal's line is rewritten; a log gets a line now and then. */
const TERMINAL_EVERY_MS = 500;
const LOG_EVERY_MS = 5000;
/** pip names all packages in one line. */
const LOG_CHARS_MAX = 160;

/**
 * Resolves when the program ended well; else throws an Error with the last lines of its output.
 * @param {string} title
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd: string, signal?: AbortSignal }} options
 */
export async function runStep(title, command, args, { cwd, signal }) {
  const started = process.hrtime.bigint();
  const seconds = () => Number(process.hrtime.bigint() - started) / 1e9;
  const lines = [];
  const child = spawn(command, args, { cwd, signal, stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      if (lines.length > LINES_KEPT) {
        lines.shift();
      }
    });
  }
  const show = (text) => showLine(`${title}: ${seconds().toFixed(0)} s${text ? `  ${text}` : ''}`);
  showLine(`${title} …`);
  const ticking = setInterval(
    () => show(lines.at(-1)?.trim() ?? ''),
    process.stderr.isTTY ? TERMINAL_EVERY_MS : LOG_EVERY_MS,
  );
  const failure = await new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, by) => resolve(code === 0 ? undefined : `ended with ${by ?? code}`));
  });
  clearInterval(ticking);
  if (failure !== undefined) {
    endLine();
    throw new Error(
      [`${title}: \`${command} ${args.join(' ')}\` ${failure}`, ...lines.slice(-30)].join('\n  '),
    );
  }
  show('done');
  endLine();
}

function showLine(text) {
  if (process.stderr.isTTY) {
    process.stderr.write(`\r\u001b[K${text.slice(0, (process.stderr.columns ?? 80) - 1)}`);
  } else {
    process.stderr.write(`${text.slice(0, LOG_CHARS_MAX)}\n`);
  }
}

function endLine() {
  if (process.stderr.isTTY) {
    process.stderr.write('\n');
  }
}

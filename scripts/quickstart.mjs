// `npm run quickstart`: from a fresh clone to a table of cold and warm TTFT, in one command.
//
// Sets up and builds what is missing, then benches the reference worker: no GPU, no vLLM. Leaves
// nothing running. Uses Node's own modules alone.
import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { runStep } from './run-step.mjs';
import { ROOT, setUp } from './setup.mjs';

const INTERRUPTED = 130;
const UNAVAILABLE = 69;

const stop = new AbortController();
let bench;
for (const name of ['SIGINT', 'SIGTERM']) {
  process.on(name, () => {
    stop.abort();
    // Ctrl-C in a terminal reached it already, and a SIGTERM more changes nothing.
    bench?.kill('SIGTERM');
  });
}

async function prepare() {
  await setUp({ signal: stop.signal });
  const step = (title, script) =>
    runStep(title, 'npm', ['run', '--silent', script], { cwd: ROOT, signal: stop.signal });
  await step('build the native engine', 'build:native');
  await step('build the TypeScript', 'build:ts');
}

async function runBench() {
  bench = spawn(
    process.execPath,
    ['bin/run.js', 'bench', 'ttft', '--num-prompts', '8', '--input-len', '2048'],
    { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] },
  );
  const [code] = await once(bench, 'close');
  return code ?? INTERRUPTED;
}

try {
  await prepare();
  process.exitCode = await runBench();
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = stop.signal.aborted ? INTERRUPTED : UNAVAILABLE;
}

// Configures and builds the native engine: `node scripts/build-native.mjs PRESET [--target T]…`.
//
// PRESET is release (the addon and libpega.so), asan or tsan (the native tests), see
// native/CMakePresets.json. Checks the machine's tools first. N-API's headers come from node_modules;
// nothing is downloaded. A build with nothing to do takes under a second. Uses Node's own modules alone.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { describeMissingTools } from './toolchain.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PRESETS = ['release', 'asan', 'tsan'];
const USAGE = 2;
const INTERRUPTED = 130;
/** `[12/80] Building …`: how ninja counts, asked for by NINJA_STATUS. */
const STEP = /^\[(\d+)\/(\d+)\] (.*)$/;

function readArguments() {
  const { values, positionals } = parseArgs({
    options: { target: { type: 'string', multiple: true, default: [] } },
    allowPositionals: true,
  });
  const [preset] = positionals;
  if (positionals.length !== 1 || !PRESETS.includes(preset)) {
    throw new Error(
      `one preset is required: ${PRESETS.join(', ')}; found '${positionals.join(' ')}'`,
    );
  }
  return { preset, targets: values.target };
}

/** Runs CMake; resolves to its exit code. Output is shown as it comes, ninja's steps on one line. */
function run(args) {
  const child = spawn('cmake', args, {
    cwd: ROOT,
    env: { ...process.env, NINJA_STATUS: '[%f/%t] ' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const stop = (signal) => child.kill(signal);
  process.once('SIGINT', stop).once('SIGTERM', stop);
  const kept = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => show(line, kept));
  }
  return new Promise((resolve) => {
    child.once('error', (error) => {
      process.stderr.write(`cmake: ${error.message}\n`);
      resolve(1);
    });
    child.once('close', (code) => {
      clearStep();
      if (code !== 0) {
        process.stderr.write(kept.map((line) => `${line}\n`).join(''));
      }
      resolve(code ?? INTERRUPTED);
    });
  });
}

/** A terminal sees one line that moves on; everything else is kept for a failure. */
function show(line, kept) {
  const step = STEP.exec(line);
  if (step === null) {
    kept.push(line);
    return;
  }
  if (process.stderr.isTTY) {
    const text = `build ${step[1]}/${step[2]}  ${step[3]}`;
    process.stderr.write(`\r\u001b[K${text.slice(0, (process.stderr.columns ?? 80) - 1)}`);
  } else {
    process.stderr.write(`${line}\n`);
  }
}

function clearStep() {
  if (process.stderr.isTTY) {
    process.stderr.write('\r\u001b[K');
  }
}

async function build({ preset, targets }) {
  const folder = `build/${preset}`;
  if (!existsSync(join(ROOT, 'node_modules/node-addon-api/napi.h'))) {
    process.stderr.write('Error: node_modules has no node-addon-api.\nTry: npm ci\n');
    return 1;
  }
  const configured = await run(['-S', 'native', '--preset', preset]);
  if (configured !== 0) {
    return configured;
  }
  const jobs = String(availableParallelism());
  const wanted = targets.flatMap((target) => ['--target', target]);
  return run(['--build', folder, '-j', jobs, ...wanted]);
}

async function main() {
  let options;
  try {
    options = readArguments();
  } catch (error) {
    process.stderr.write(
      `Error: ${error.message}\nTry: node scripts/build-native.mjs release|asan|tsan [--target T]\n`,
    );
    return USAGE;
  }
  const missing = describeMissingTools({ tests: options.preset !== 'release' });
  if (missing !== undefined) {
    process.stderr.write(`${missing}\n`);
    return 1;
  }
  return build(options);
}

process.exitCode = await main();

// `npm run bench:engine`: figures of the engine on this machine, each beside its limit.
//
//   npm run bench:engine -- [--json] [--only NAME]…
// Exit code 1 if a limit was missed or a part failed, 2 for a wrong argument. Leaves nothing behind. A limit is only
// worth something on a quiet machine: nothing else should be running.
import { cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { EXIT, toPegaError } from '../../src/errors.js';
import { measureCopies } from './copies.js';
import { type Figure, holds, renderFigures } from './figures.js';
import { measureIndex } from './index.js';
import { measurePrefill } from './prefill.js';
import { measureQuery } from './query.js';
import { measureStart } from './start.js';
import { measureTasks } from './tasks.js';

const PARTS: Record<string, () => Promise<Figure[]>> = {
  index: measureIndex,
  query: measureQuery,
  tasks: measureTasks,
  copies: measureCopies,
  start: measureStart,
  prefill: measurePrefill,
};

function readArguments(): { json: boolean; names: string[] } {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: Object.keys(PARTS) },
    },
  });
  const unknown = values.only.filter((name) => !Object.hasOwn(PARTS, name));
  if (unknown.length > 0) {
    throw new Error(`no part ${unknown.join(', ')}; there are ${Object.keys(PARTS).join(', ')}`);
  }
  return { json: values.json, names: values.only };
}

async function main(): Promise<number> {
  let options: ReturnType<typeof readArguments>;
  try {
    options = readArguments();
  } catch (error) {
    process.stderr.write(`Error: ${error instanceof Error ? error.message : String(error)}\n`);
    return EXIT.usage;
  }
  const figures: Figure[] = [];
  const failures: { part: string; message: string }[] = [];
  for (const name of options.names) {
    process.stderr.write(`${name} …\n`);
    try {
      figures.push(...((await PARTS[name]?.()) ?? []));
    } catch (error) {
      const { message } = toPegaError(error);
      failures.push({ part: name, message });
      process.stderr.write(`${name} failed: ${message}\n`);
    }
  }
  const [cpu] = cpus();
  const machine = {
    cpu: cpu?.model ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
    node: process.version,
  };
  const ok = failures.length === 0 && figures.every(holds);
  process.stdout.write(
    options.json
      ? `${JSON.stringify({ machine, figures: figures.map((one) => ({ ...one, ok: holds(one) })), failures, ok }, null, 2)}\n`
      : `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}\n${renderFigures(figures)}\n`,
  );
  return ok ? EXIT.ok : EXIT.checkFailed;
}

process.exitCode = await main();

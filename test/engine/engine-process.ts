// An engine process for tests: opens an engine memory, says so, and waits to be told or killed.
//
// Started by hold-view.test.ts with its options as JSON in argv. On stdin: `hold HEX
// BYTES`, `drop HEX BYTES`, `ready N`, `close`; it answers `ok` or the error's code on stdout.
import { createInterface } from 'node:readline';

import { EngineMemory } from '../../src/engine/engine-memory.js';

interface Wire {
  folder: { path: string; slabPath: string };
  poolId: string;
  engineId: string;
  nonce: string;
  record: number;
  rankCount: number;
  slabBytes: number;
  ordinalCapacity: number;
  bootNumber: number;
}

const wire = JSON.parse(process.argv[2] ?? '{}') as Wire;
const bytes = (hex: string) => Buffer.from(hex, 'hex');
const memory = EngineMemory.open({
  ...wire,
  poolId: bytes(wire.poolId),
  engineId: bytes(wire.engineId),
  nonce: bytes(wire.nonce),
});

function obey(line: string): void {
  const [word, hex = '', count = '0'] = line.split(' ');
  switch (word) {
    case 'hold':
      memory.hold(bytes(hex), Number(count));
      return;
    case 'drop':
      memory.drop(bytes(hex), Number(count));
      return;
    case 'ready':
      memory.reportReady(Number(hex), true);
      return;
    case 'close':
      memory.close();
      return;
    default:
      throw new Error(`unknown word ${word}`);
  }
}

createInterface({ input: process.stdin }).on('line', (line) => {
  try {
    obey(line);
    process.stdout.write('ok\n');
  } catch (error) {
    process.stdout.write(`${(error as { code?: string }).code ?? String(error)}\n`);
  }
});
process.stdout.write('open\n');

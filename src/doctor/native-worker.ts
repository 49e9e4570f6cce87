// The program of the doctor's own process (native-process.ts starts it, nobody else): one task from
// stdin, its outcome on stdout.
//
// It is what a worker of an engine is: a process with a CUDA context of its own that maps the slabs
// which another process made. A driver that hangs or crashes takes this process along, not the doctor.
import { text } from 'node:stream/consumers';
import { calibrateGpu, measureSlabRoundTrip, readCudaFacts } from '../engine/cuda.js';
import { EngineMemory } from '../engine/engine-memory.js';
import { toPegaError } from '../errors.js';
import { readPciDevice } from '../host/pci-link.js';
import { stopWithParent } from '../process/stop-with-parent.js';
import { measureHostRoundTrip } from './host-round-trip.js';
import type {
  CopyAnswer,
  CopyRequest,
  NativeTasks,
  TaskName,
  TaskOutcome,
} from './native-tasks.js';

const TASKS: {
  [Name in TaskName]: (request: NativeTasks[Name]['request']) => Promise<unknown>;
} = {
  facts: () => readCudaFacts(),
  calibrate: ({ gpu, afresh }) => calibrateGpu(gpu, afresh),
  copy,
};

async function copy(request: CopyRequest): Promise<CopyAnswer> {
  const { folder, slabBytes, ordinalCapacity, bootNumber, ...ids } = request.pool;
  const memory = EngineMemory.open({
    ...{ folder, slabBytes, ordinalCapacity, bootNumber, record: 1, rankCount: 1 },
    poolId: Buffer.from(ids.poolId, 'base64'),
    engineId: Buffer.from(ids.engineId, 'base64'),
    nonce: Buffer.from(ids.nonce, 'base64'),
  });
  const { layers, layerBytes, seconds } = request;
  const slots = {
    sources: Buffer.from(request.sources, 'base64'),
    targets: Buffer.from(request.targets, 'base64'),
  };
  try {
    if (request.gpu === null) {
      const trip = await measureHostRoundTrip(memory, { layers, layerBytes, seconds, ...slots });
      return { trip, gpu: null, pci: null };
    }
    const gpu = await measureSlabRoundTrip(memory, {
      ...{ gpu: request.gpu, slabBytes, layers, layerBytes, seconds },
      ...slots,
    });
    return { trip: gpu, gpu, pci: readPciDevice(request.root, request.busId) ?? null };
  } finally {
    memory.close();
  }
}

async function outcomeOf(input: string): Promise<TaskOutcome> {
  try {
    const { task, request } = JSON.parse(input) as { task: TaskName; request: never };
    return { answer: await TASKS[task](request) };
  } catch (thrown) {
    const { code, message, suggestions } = toPegaError(thrown);
    return { error: { code, message, suggestions } };
  }
}

stopWithParent();
process.stdout.write(JSON.stringify(await outcomeOf(await text(process.stdin))));

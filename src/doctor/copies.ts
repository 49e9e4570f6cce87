// The copy through a slab on each GPU, one after another, or on the host device where there is none.
import type { GpuFacts } from '../engine/cuda.js';
import { PegaError } from '../errors.js';
import { givesHugePages } from '../host/memory-limits.js';
import {
  type CopyPlace,
  copyFindings,
  failedCopy,
  noCopy,
  noMemoryOnGpu,
} from './copy-findings.js';
import type { HostFinding } from './host-finding.js';
import { type MemoryFacts, tightestOf } from './memory-findings.js';
import type { TaskSurroundings } from './native-process.js';
import { copyThroughSlab, type SlabCopy } from './slab-copy.js';

export interface CopiedPlace {
  place: CopyPlace;
  /** Null: it failed, or was not tried. */
  copy: SlabCopy | null;
  findings: HostFinding[];
}

export interface CopyOptions extends TaskSurroundings {
  poolDir: string;
  slabDir: string | undefined;
  step: (text: string) => () => void;
}

const MIB = 1024 ** 2;
const POOL_BYTES_GPU = 512 * MIB;
const POOL_BYTES_HOST = 128 * MIB;
/** Two slabs of the smallest size. */
const POOL_BYTES_LEAST = 32 * MIB;

export async function copyEverywhere(
  gpus: readonly GpuFacts[],
  memory: MemoryFacts,
  options: CopyOptions,
  root: string,
): Promise<CopiedPlace[]> {
  const copied: CopiedPlace[] = [];
  for (const gpu of gpus.length === 0 ? [null] : gpus) {
    copied.push(await copyAt(gpu, memory, options, root));
  }
  return copied;
}

async function copyAt(
  gpu: GpuFacts | null,
  memory: MemoryFacts,
  options: CopyOptions,
  root: string,
): Promise<CopiedPlace> {
  const place = gpu?.ordinal ?? null;
  // Half of what is free: a server may be running beside it.
  const room = tightestOf(memory).freeBytes / 2;
  const wanted = gpu === null ? POOL_BYTES_HOST : POOL_BYTES_GPU;
  const poolBytes = Math.floor(Math.min(wanted, room) / POOL_BYTES_LEAST) * POOL_BYTES_LEAST;
  if (poolBytes < POOL_BYTES_LEAST) {
    const finding = noCopy(place, memory.folder, 2 * POOL_BYTES_LEAST);
    return { place, copy: null, findings: [finding] };
  }
  const end = options.step(
    `copying through a slab ${gpu === null ? 'on the host device' : `on GPU ${gpu.ordinal}`}`,
  );
  const { poolDir, slabDir, environment, signal } = options;
  const hugePages = givesHugePages(memory.limits, memory.mount);
  try {
    const copy = await copyThroughSlab({
      ...{ poolDir, slabDir, hugePages, poolBytes, gpu, root, environment, signal },
    });
    return { place, copy, findings: copyFindings(place, copy) };
  } catch (thrown) {
    if (!(thrown instanceof PegaError) || !isFinding(thrown)) {
      throw thrown;
    }
    const finding = isFull(thrown) ? noMemoryOnGpu(place, thrown) : failedCopy(place, thrown);
    return { place, copy: null, findings: [finding] };
  } finally {
    end();
  }
}

/** What this host lacks; not that pega itself is not built, or was stopped. */
function isFinding({ code }: PegaError): boolean {
  return !['PEGA_ADDON_MISSING', 'PEGA_INTERRUPTED', 'PEGA_INTERNAL'].includes(code);
}

/** Engines take most of a GPU's memory: nothing is wrong with it then. */
function isFull({ message }: PegaError): boolean {
  return message.includes('CUDA_ERROR_OUT_OF_MEMORY');
}

/** That a driver took; null: none did. */
export function registeredBytes(copies: readonly CopiedPlace[]): number | null {
  return copies.reduce<number | null>(
    (most, { copy }) =>
      copy === null || copy.gpu === null ? most : Math.max(most ?? 0, copy.gpu.registeredBytes),
    null,
  );
}

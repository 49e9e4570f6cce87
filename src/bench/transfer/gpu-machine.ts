// What a result says of the machine and its GPUs. No names, addresses or paths of the host.
import type { CudaFacts, GpuFacts } from '../../engine/cuda.js';
import { PegaError } from '../../errors.js';
import { formatRate, readPciDevice } from '../../host/pci-link.js';
import { readText } from '../../host/read-text.js';
import type { GpuResult } from './result.js';

/** The GPUs that were asked for; all where none were named. PEGA_UNSUPPORTED without a usable driver. */
export function chooseGpus(facts: CudaFacts, asked: readonly number[] | undefined): GpuFacts[] {
  if (facts.error !== '' || facts.gpus.length === 0) {
    throw new PegaError(
      'PEGA_UNSUPPORTED',
      `no GPU to measure: ${facts.error === '' ? 'the driver shows none' : facts.error}; required is an NVIDIA GPU with its driver`,
      {
        suggestions: [
          'install the NVIDIA driver; in a container, start it with --gpus all',
          'see `pega doctor`',
        ],
      },
    );
  }
  if (asked === undefined) {
    return facts.gpus;
  }
  return asked.map((ordinal) => {
    const gpu = facts.gpus.find((candidate) => candidate.ordinal === ordinal);
    if (gpu === undefined) {
      throw new PegaError(
        'PEGA_INVALID_ARGUMENT',
        `--gpu ${ordinal}: the driver shows this process ${facts.gpus.length} GPUs, from 0 to ${facts.gpus.length - 1}`,
        { suggestions: ['look at CUDA_VISIBLE_DEVICES, or take --gpu all'] },
      );
    }
    return gpu;
  });
}

/** 13000 is "13.0". */
export function cudaVersion(version: number): string {
  return `${Math.floor(version / 1000)}.${Math.floor((version % 1000) / 10)}`;
}

/** "580.95.05"; null where the kernel has no such module. */
export function nvidiaDriver(root = '/'): string | null {
  const text = readText(`${root}proc/driver/nvidia/version`) ?? '';
  return /Kernel Module.*?\s(\d+\.[\d.]+)/.exec(text)?.[1] ?? null;
}

/** REQUIRES: the GPU has just copied; its link goes to sleep. */
export function describeGpu(
  gpu: GpuFacts,
  root = '/',
): Pick<
  GpuResult,
  | 'ordinal'
  | 'name'
  | 'uuid'
  | 'pci_bus_id'
  | 'memory_bytes'
  | 'multiprocessors'
  | 'pcie'
  | 'numa_node'
> {
  const device = readPciDevice(root, gpu.busId);
  const link = device?.link ?? null;
  return {
    ordinal: gpu.ordinal,
    name: gpu.name,
    uuid: gpu.uuid === '' ? null : gpu.uuid,
    pci_bus_id: gpu.busId,
    memory_bytes: gpu.memoryBytes,
    multiprocessors: gpu.multiprocessors,
    pcie:
      link === null
        ? null
        : {
            now: formatRate(link.now),
            device_max: formatRate(link.deviceMax),
            slot_max: link.slotMax === null ? null : formatRate(link.slotMax),
          },
    numa_node: device?.numaNode ?? null,
  };
}

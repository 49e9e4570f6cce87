// Each GPU against what pega needs: its generation, its link under load, its node. Pure.
import type { CudaFacts, GpuFacts } from '../engine/cuda.js';
import {
  expectedRate,
  formatRate,
  isBelow,
  type PciDevice,
  type PciLink,
} from '../host/pci-link.js';
import { formatBytes } from '../units.js';
import { findingsOf, type HostFinding } from './host-finding.js';

const { ok, note, problem } = findingsOf('gpus');

export interface GpuView extends GpuFacts {
  /** Null: sysfs has no such device. */
  idle: PciDevice | null;
  /** Null: nothing was copied. */
  loaded: PciDevice | null;
}

/** @param capabilityLeast major version of the oldest generation that runs the kernels. */
export function gpuFindings(
  gpus: readonly GpuView[],
  numaNodes: number,
  capabilityLeast: number,
): HostFinding[] {
  return gpus.flatMap((gpu) => [
    gpuFinding(gpu, capabilityLeast),
    ...migFinding(gpu),
    linkFinding(gpu),
    ...nodeFinding(gpu, numaNodes),
  ]);
}

/** Whether a worker on it would get as far as a copy. */
export function isUsable(gpu: GpuFacts, driver: Omit<CudaFacts, 'gpus'>): boolean {
  return (
    driver.version >= driver.oldestVersion && gpu.capabilityMajor >= driver.oldestCapabilityMajor
  );
}

function isMig({ name }: GpuFacts): boolean {
  return / MIG /.test(name);
}

function gpuFinding(gpu: GpuFacts, capabilityLeast: number): HostFinding {
  const { ordinal, name, uuid, memoryBytes, capabilityMajor, capabilityMinor } = gpu;
  const capability = `${capabilityMajor}.${capabilityMinor}`;
  const found = `${name}, ${formatBytes(memoryBytes)}, compute capability ${capability}, ${uuid === '' ? 'no UUID' : uuid}`;
  const [id, check] = [`gpu${ordinal}`, `GPU ${ordinal}`];
  return capabilityMajor >= capabilityLeast
    ? ok(id, check, found)
    : problem(id, check, {
        found,
        required: `compute capability ${capabilityLeast}.0 or higher`,
        advice: 'use a GPU of the generation of Ampere (A10, A100) or newer',
      });
}

function migFinding(gpu: GpuFacts): HostFinding[] {
  return isMig(gpu)
    ? [
        note(`gpu${gpu.ordinal}.mig`, `GPU ${gpu.ordinal} MIG`, {
          found: 'a part of a GPU: its parts share one PCIe link',
          advice: 'expect the rate of the copy below only while the other parts copy nothing',
        }),
      ]
    : [];
}

function linkFinding({ ordinal, busId, idle, loaded }: GpuView): HostFinding {
  const [id, check] = [`gpu${ordinal}.pcie`, `GPU ${ordinal} link`];
  const link = loaded?.link ?? idle?.link ?? null;
  if (link === null) {
    return note(id, check, {
      found: `not known: sysfs says nothing of ${busId === '' ? 'it' : busId}`,
      advice: 'ask on the host: nvidia-smi -q -d PCIE; the rate of the copy below counts',
    });
  }
  const underLoad = loaded?.link !== undefined && loaded.link !== null;
  const at = underLoad ? 'after a copy' : 'without load';
  const found = `${formatRate(link.now)} ${at}; the GPU can ${formatRate(link.deviceMax)}`;
  if (underLoad && isBelow(link.now, expectedRate(link))) {
    return problem(id, check, {
      found: `degraded: ${found}`,
      required: formatRate(expectedRate(link)),
      advice: `reseat the card or its riser, and see: lspci -vv -s ${busId} | grep -i lnk`,
    });
  }
  return slotIsLess(link)
    ? note(id, check, {
        found: `${found}, its slot ${formatRate(link.slotMax ?? link.deviceMax)}`,
        advice: 'copies run at the rate of the slot: put the card into one with more lanes',
      })
    : ok(id, check, found);
}

function slotIsLess({ slotMax, deviceMax }: PciLink): boolean {
  return slotMax !== null && isBelow(slotMax, deviceMax);
}

function nodeFinding({ ordinal, idle }: GpuView, numaNodes: number): HostFinding[] {
  if (numaNodes === 1) {
    return [];
  }
  const [id, check] = [`gpu${ordinal}.numa`, `GPU ${ordinal} node`];
  const node = idle?.numaNode ?? null;
  return [
    node === null
      ? note(id, check, {
          found: `not known; the machine has ${numaNodes} NUMA nodes`,
          advice: 'ask on the host: nvidia-smi topo -m',
        })
      : ok(id, check, `NUMA node ${node} of ${numaNodes}`),
  ];
}

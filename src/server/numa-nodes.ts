// The NUMA nodes that the pool's memory shall come from: those of the GPUs, by what sysfs shows.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ServeConfig } from '../config/serve-config.js';
import { PegaError } from '../errors.js';
import { readNumber, readText } from '../host/read-text.js';

const NVIDIA = '0x10de';
/** PCI classes: VGA controller, 3D controller. */
const GPU_CLASS = /^0x030[02]/;

/**
 * Empty: as the kernel likes.
 *
 * @param root "/" but in tests.
 */
export function chooseNumaNodes(
  { numaNode, devices }: Pick<ServeConfig, 'numaNode' | 'devices'>,
  root = '/',
): number[] {
  if (numaNode === 'off') {
    return [];
  }
  const online = onlineNodes(root);
  if (numaNode === 'auto') {
    return devices === 'cpu' || online.length < 2 ? [] : gpuNodes(root, online);
  }
  if (!online.includes(numaNode)) {
    throw new PegaError(
      'PEGA_INVALID_ARGUMENT',
      `--numa-node ${numaNode}: ${online.length === 0 ? 'this machine shows no nodes' : `this machine has node ${online.join(', ')}`}`,
      { suggestions: ['name a node that `lscpu` shows, or leave it to auto'] },
    );
  }
  return [numaNode];
}

function gpuNodes(root: string, online: number[]): number[] {
  const folder = join(root, 'sys/bus/pci/devices');
  const devices = existsSync(folder) ? readdirSync(folder) : [];
  const nodes = devices.flatMap((device) => {
    const read = (name: string): string => (readText(join(folder, device, name)) ?? '').trim();
    const node = readNumber(join(folder, device, 'numa_node')) ?? -1; // -1: the firmware doesn't say
    const isGpu = read('vendor') === NVIDIA && GPU_CLASS.test(read('class'));
    return isGpu && online.includes(node) ? [node] : [];
  });
  return [...new Set(nodes)].sort((a, b) => a - b);
}

/** "0-1,4" → 0, 1, 4. */
function onlineNodes(root: string): number[] {
  const list = (readText(join(root, 'sys/devices/system/node/online')) ?? '').trim();
  return list.split(',').flatMap((part) => {
    const [first = Number.NaN, last = first] = part.split('-').filter(Boolean).map(Number);
    return last >= first ? Array.from({ length: last - first + 1 }, (_, step) => first + step) : [];
  });
}

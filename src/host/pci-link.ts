// The PCIe link of a device, from sysfs: what it runs at now, and what device and slot could.
//
// A GPU without work lowers its link: only what is read while it copies, or just after, says what
// copies get.
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readNumber, readText } from './read-text.js';

export interface LinkRate {
  /** Giga transfers a second and lane: 32 is PCIe 5. */
  gigaTransfers: number;
  lanes: number;
}

export interface PciLink {
  now: LinkRate;
  deviceMax: LinkRate;
  /** Of the bridge above; null where there is none to be seen (a virtual machine). */
  slotMax: LinkRate | null;
}

export interface PciDevice {
  /** Null: sysfs does not say, as in many virtual machines. */
  link: PciLink | null;
  /** Null: the machine has one node, or does not say. */
  numaNode: number | null;
}

/** @param root "/" but in tests. @returns undefined where sysfs has no such device. */
export function readPciDevice(root: string, busId: string): PciDevice | undefined {
  const folder = join(root, 'sys/bus/pci/devices', busId);
  if (busId === '' || !existsSync(folder)) {
    return undefined;
  }
  const now = readRate(folder, 'current');
  const deviceMax = readRate(folder, 'max');
  const node = readNumber(join(folder, 'numa_node'));
  return {
    link:
      now === null || deviceMax === null
        ? null
        : { now, deviceMax, slotMax: readRate(dirname(realpathSync(folder)), 'max') },
    numaNode: node === undefined || node < 0 ? null : node,
  };
}

/** What the link has to run at under load: what both its ends can. */
export function expectedRate({ deviceMax, slotMax }: PciLink): LinkRate {
  return {
    gigaTransfers: Math.min(deviceMax.gigaTransfers, slotMax?.gigaTransfers ?? Infinity),
    lanes: Math.min(deviceMax.lanes, slotMax?.lanes ?? Infinity),
  };
}

export function isBelow(rate: LinkRate, wanted: LinkRate): boolean {
  return rate.gigaTransfers < wanted.gigaTransfers || rate.lanes < wanted.lanes;
}

const GENERATIONS = [2.5, 5, 8, 16, 32, 64];
/** From generation 3 on 128 of 130 bits are payload, before that 8 of 10. */
const SPARSE_BELOW = 8;

export function formatRate({ gigaTransfers, lanes }: LinkRate): string {
  const generation = GENERATIONS.indexOf(gigaTransfers) + 1;
  return `PCIe ${generation === 0 ? `${gigaTransfers} GT/s` : generation} x${lanes}`;
}

/** Bytes a second in one direction before the headers of packets, which cost about an eighth. */
export function rawBytesPerSecond({ gigaTransfers, lanes }: LinkRate): number {
  const share = gigaTransfers < SPARSE_BELOW ? 0.8 : 128 / 130;
  return (gigaTransfers * 1e9 * lanes * share) / 8;
}

/** "32.0 GT/s PCIe" and "16"; null where sysfs has no number ("Unknown", width 0 or 255). */
function readRate(folder: string, which: 'current' | 'max'): LinkRate | null {
  const speed = /^([\d.]+) GT\/s/.exec(readText(join(folder, `${which}_link_speed`)) ?? '')?.[1];
  const lanes = readNumber(join(folder, `${which}_link_width`)) ?? 0;
  return speed === undefined || lanes <= 0 || lanes > 32
    ? null
    : { gigaTransfers: Number(speed), lanes };
}

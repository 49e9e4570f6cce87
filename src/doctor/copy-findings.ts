// What the copy through a slab showed, on each GPU or on the host device. Pure.
import type { PegaError } from '../errors.js';
import { formatRate, rawBytesPerSecond } from '../host/pci-link.js';
import { formatBytes } from '../units.js';
import { findingsOf, type HostFinding } from './host-finding.js';
import type { SlabCopy } from './slab-copy.js';

const { ok, note, problem } = findingsOf('copy');

/** Null: the host device. */
export type CopyPlace = number | null;

/** Packets' headers and the like cost an eighth; below this something else is in the way. */
const LINK_SHARE_LEAST = 0.7;
/** A driver that is kept loaded answers within a fraction of this. */
const CONTEXT_SECONDS_MAX = 2;
const SEE_DRIVER =
  "look at the kernel's log: dmesg | grep -i -e nvrm -e xid; then restart the GPU's driver";

export function copyFindings(place: CopyPlace, copy: SlabCopy): HostFinding[] {
  return [whole(place, copy), ...linkShare(place, copy), ...contextFinding(place, copy)];
}

export function failedCopy(place: CopyPlace, error: PegaError): HostFinding {
  return problem(idOf(place), checkOf(place), {
    found: error.message,
    required: 'a copy through a slab between two processes, every byte as it was',
    // The advice of PEGA_DEVICE by itself is to run this command.
    advice: error.code === 'PEGA_DEVICE' ? SEE_DRIVER : error.suggestions.join('; '),
  });
}

/** There is no room for even the smallest pool. */
export function noCopy(place: CopyPlace, folder: string, leastBytes: number): HostFinding {
  return problem(idOf(place), checkOf(place), {
    found: `not tried: ${folder} has no room for it`,
    required: `${formatBytes(leastBytes)} free in ${folder}`,
    advice: `make room, or name another folder: --pool-dir`,
  });
}

export function formatGigabytes(bytesPerSecond: number): string {
  return `${(bytesPerSecond / 1e9).toFixed(1)} GB/s`;
}

function whole(place: CopyPlace, { trip, gpu, fillSeconds }: SlabCopy): HostFinding {
  const rates = `load ${formatGigabytes(trip.loadBytesPerSecond)}, store ${formatGigabytes(trip.storeBytesPerSecond)}`;
  const times =
    gpu === null
      ? `pool filled in ${formatMs(fillSeconds)}`
      : `pool filled in ${formatMs(fillSeconds)}, ${formatBytes(gpu.registeredBytes)} registered in ${formatMs(gpu.registerSeconds)}, context opened in ${formatMs(gpu.contextSeconds)}`;
  const by = gpu === null ? ' by the processor, for want of a GPU' : '';
  return ok(
    idOf(place),
    checkOf(place),
    `${rates}${by}; ${formatBytes(trip.bytes)} in shuffled blocks, every byte as it was; ${times}`,
  );
}

function linkShare(place: CopyPlace, { trip, pci }: SlabCopy): HostFinding[] {
  const link = pci?.link ?? null;
  if (link === null) {
    return [];
  }
  const raw = rawBytesPerSecond(link.now);
  const share = trip.loadBytesPerSecond / raw;
  return share >= LINK_SHARE_LEAST
    ? []
    : [
        note(`${idOf(place)}.share`, `${checkOf(place)} rate`, {
          found: `loads ran at ${Math.round(share * 100)} % of what ${formatRate(link.now)} carries (${formatGigabytes(raw)})`,
          required: `${Math.round(LINK_SHARE_LEAST * 100)} % or more on a link that nobody else uses`,
          advice:
            "run it again without load; then look at the GPU's NUMA node, at IOMMU and at ACS (nvidia-smi topo -m), and compare `pega bench transfer`",
        }),
      ];
}

function contextFinding(place: CopyPlace, { gpu }: SlabCopy): HostFinding[] {
  return gpu === null || gpu.contextSeconds <= CONTEXT_SECONDS_MAX
    ? []
    : [
        note(`${idOf(place)}.context`, `${checkOf(place)} start`, {
          found: `opening a context took ${gpu.contextSeconds.toFixed(1)} s: the driver lets an unused GPU go`,
          advice: 'keep it loaded: systemctl enable --now nvidia-persistenced, or nvidia-smi -pm 1',
        }),
      ];
}

const idOf = (place: CopyPlace) => (place === null ? 'copy' : `gpu${place}.copy`);
const checkOf = (place: CopyPlace) => (place === null ? 'host device' : `GPU ${place}`);

function formatMs(seconds: number): string {
  return seconds < 1 ? `${Math.max(1, Math.round(seconds * 1000))} ms` : `${seconds.toFixed(1)} s`;
}

export function noMemoryOnGpu(place: CopyPlace, error: PegaError): HostFinding {
  return note(idOf(place), checkOf(place), {
    found: `not tried, the GPU's memory is taken: ${error.message}`,
    required: 'about 1 GiB free: a context, blocks and staging',
    advice: 'run it again while no engine uses this GPU',
  });
}

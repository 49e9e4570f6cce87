// What the doctor lets a process of its own do, and what it answers: plain JSON both ways.
import type { Calibration, CudaFacts, SlabRoundTrip } from '../engine/cuda.js';
import type { PciDevice } from '../host/pci-link.js';

export interface NativeTasks {
  facts: { request: null; answer: CudaFacts };
  calibrate: { request: { gpu: number; afresh: boolean }; answer: Calibration };
  copy: { request: CopyRequest; answer: CopyAnswer };
}

export interface CopyRequest {
  /** Null: the host device, for a machine without a GPU. */
  gpu: number | null;
  /** Of sysfs, to look at the link while it is awake; empty: none. */
  busId: string;
  root: string;
  /** As Register would answer; bytes as base64. */
  pool: {
    folder: { path: string; slabPath: string };
    poolId: string;
    engineId: string;
    nonce: string;
    slabBytes: number;
    ordinalCapacity: number;
    bootNumber: number;
  };
  layers: number;
  layerBytes: number;
  /** 8 bytes each, as base64. */
  sources: string;
  targets: string;
  seconds: number;
}

export interface CopyAnswer {
  trip: Pick<SlabRoundTrip, 'loadBytesPerSecond' | 'storeBytesPerSecond' | 'bytes'>;
  /** Null: the host device, which needs none of it. */
  gpu: SlabRoundTrip | null;
  /** Read right after the last copy; null: no such device in sysfs. */
  pci: PciDevice | null;
}

export type TaskName = keyof NativeTasks;

/** What the process writes to stdout, once. */
export type TaskOutcome =
  | { answer: unknown }
  | { error: { code: string; message: string; suggestions: string[] } };

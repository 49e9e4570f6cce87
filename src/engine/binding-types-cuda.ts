// The addon's shapes for the doctor: the driver, a GPU's calibration, a copy through slabs. Rules as in
// binding-types.ts.

/** native/cuda/driver/driver_facts.h and native/gauge/gpu_facts.h. */
export interface NativeCudaFacts {
  /** Empty: no libcuda.so.1 can be loaded. */
  libraryPath: string;
  /** 13000 is CUDA 13.0; 0: not known. */
  version: number;
  /** The oldest driver that loads the kernels, and the oldest GPU that runs them. */
  oldestVersion: number;
  oldestCapabilityMajor: number;
  missingRequired: string[];
  missingOptional: string[];
  /** Of cuInit; 0 is success. */
  initResult: number;
  /** Why this driver, or one of its GPUs, can't be used; empty: it can. */
  error: string;
  gpus: NativeGpuFacts[];
}

export interface NativeGpuFacts {
  ordinal: number;
  name: string;
  /** Empty: the driver does not say. */
  uuid: string;
  /** As sysfs writes it. */
  busId: string;
  memoryBytes: number;
  capabilityMajor: number;
  capabilityMinor: number;
  multiprocessors: number;
}

/** native/cuda/plan/calibration.h. */
export interface NativeCalibration {
  gpu: string;
  driverVersion: number;
  /** Empty: `note` says why nothing could be written. */
  path: string;
  note: string;
  fromFile: boolean;
  seconds: number;
  load: NativeDirectionCost;
  store: NativeDirectionCost;
  copySeconds: number;
  stagedSeconds: number;
  callSeconds: number;
  /** From which run of neighbouring blocks on they are copied directly; null: they are all staged. */
  changes: {
    layerBytes: number;
    direction: 'load' | 'store';
    directFromRunBlocks: number | null;
  }[];
}

export interface NativeDirectionCost {
  linkBytesPerSecond: number;
  stagedBytesPerSecond: number;
  pitched: { rowBytes: number; bytesPerSecond: number }[];
}

/** native/gauge/slab_round_trip.h. Slots: 8 bytes each. */
export interface NativeSlabRoundTripOptions {
  gpu: number;
  slabBytes: number;
  layers: number;
  layerBytes: number;
  sources: Uint8Array;
  targets: Uint8Array;
  seconds: number;
}

export interface NativeSlabRoundTrip {
  contextSeconds: number;
  deviceSeconds: number;
  registerSeconds: number;
  loadBytesPerSecond: number;
  storeBytesPerSecond: number;
  bytes: number;
  loadRounds: number;
  storeRounds: number;
  registeredBytes: number;
  stagingBytes: number;
  deviceBytes: number;
  stagedBytesTotal: number;
  directBytesTotal: number;
}

// CUDA as this process finds it: the driver and its GPUs, what copies cost, a copy through slabs.
//
// The driver's calls may hang or crash where a GPU is broken: src/doctor makes them in a process of
// their own.
import { loadBinding } from './binding.js';
import type {
  NativeCalibration,
  NativeCudaFacts,
  NativeSlabRoundTrip,
  NativeSlabRoundTripOptions,
} from './binding-types-cuda.js';
import type { EngineMemory } from './engine-memory.js';
import { awaitNative } from './native-call.js';

export type {
  NativeCalibration as Calibration,
  NativeCudaFacts as CudaFacts,
  NativeDirectionCost as DirectionCost,
  NativeGpuFacts as GpuFacts,
  NativeSlabRoundTrip as SlabRoundTrip,
  NativeSlabRoundTripOptions as SlabRoundTripOptions,
} from './binding-types-cuda.js';

/** Never fails for want of a driver: says what is missing. Opens no context on a GPU. */
export function readCudaFacts(): Promise<NativeCudaFacts> {
  return awaitNative(() => loadBinding().cudaFacts());
}

/** PEGA_UNSUPPORTED, PEGA_DEVICE. */
export function calibrateGpu(gpu: number, afresh: boolean): Promise<NativeCalibration> {
  return awaitNative(() => loadBinding().calibrateGpu(gpu, afresh));
}

/** Loads the source slots into a GPU's memory and stores them from there to the target slots. */
export function measureSlabRoundTrip(
  memory: EngineMemory,
  options: NativeSlabRoundTripOptions,
): Promise<NativeSlabRoundTrip> {
  return awaitNative(() => loadBinding().measureSlabRoundTrip(memory.native, options));
}

// Asks the driver, in a process of its own, and judges the answer.
import type { CudaFacts, GpuFacts } from '../engine/cuda.js';
import { PegaError } from '../errors.js';
import { brokenDriver, type DriverSurroundings, driverFindings } from './driver-findings.js';
import type { HostFinding } from './host-finding.js';
import { runTask, type TaskSurroundings } from './native-process.js';

export interface LookedAtDriver {
  /** Null: the process that asked did not live to say. */
  facts: Omit<CudaFacts, 'gpus'> | null;
  gpus: GpuFacts[];
  findings: HostFinding[];
}

export async function lookAtDriver(
  options: TaskSurroundings & DriverSurroundings,
): Promise<LookedAtDriver> {
  try {
    const { gpus, ...facts } = await runTask('facts', null, options);
    return { facts, gpus, findings: driverFindings({ ...facts, gpus }, options) };
  } catch (thrown) {
    if (!(thrown instanceof PegaError) || thrown.code !== 'PEGA_DEVICE') {
      throw thrown;
    }
    return { facts: null, gpus: [], findings: [brokenDriver(thrown)] };
  }
}

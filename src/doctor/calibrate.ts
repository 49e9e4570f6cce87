// Calibrates each GPU afresh where that is asked for; else looks whether its file is there.
import type { Calibration } from '../engine/cuda.js';
import { PegaError } from '../errors.js';
import {
  calibrationFile,
  calibrationFolder,
  failedCalibration,
  foundCalibration,
  madeCalibration,
} from './calibration.js';
import type { LookedAtDriver } from './driver.js';
import type { HostFinding } from './host-finding.js';
import { runTask, type TaskSurroundings } from './native-process.js';

export interface CalibratedGpu {
  ordinal: number;
  /** Null: nothing was measured. */
  made: Calibration | null;
  finding: HostFinding;
}

export interface CalibrateOptions extends TaskSurroundings {
  calibrate: boolean;
  step: (text: string) => () => void;
}

export async function calibrateAll(
  { facts, gpus }: LookedAtDriver,
  options: CalibrateOptions,
): Promise<CalibratedGpu[]> {
  const calibrated: CalibratedGpu[] = [];
  for (const gpu of gpus) {
    const { ordinal } = gpu;
    if (!options.calibrate) {
      const folder = calibrationFolder(options.environment);
      const finding = foundCalibration(gpu, calibrationFile(folder, gpu, facts?.version ?? 0));
      calibrated.push({ ordinal, made: null, finding });
      continue;
    }
    const end = options.step(`calibrating GPU ${ordinal}`);
    try {
      const made = await runTask('calibrate', { gpu: ordinal, afresh: true }, options);
      calibrated.push({ ordinal, made, finding: madeCalibration(gpu, made) });
    } catch (thrown) {
      if (!(thrown instanceof PegaError) || thrown.code === 'PEGA_INTERNAL') {
        throw thrown;
      }
      calibrated.push({ ordinal, made: null, finding: failedCalibration(gpu, thrown) });
    } finally {
      end();
    }
  }
  return calibrated;
}

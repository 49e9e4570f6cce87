// What there is of CUDA against what pega needs. Pure.
//
// No GPU at all is a note: such a host is fit for engines on the CPU, and for `pega serve`, which makes
// no CUDA call. A driver that is there and can't be used is a problem.
import type { CudaFacts } from '../engine/cuda.js';
import type { PegaError } from '../errors.js';
import { findingsOf, type HostFinding } from './host-finding.js';

const { ok, note, problem } = findingsOf('driver');

export interface DriverSurroundings {
  /** A GPU is a must. */
  gpuRequired: boolean;
  container: string | null;
  /** /proc/driver/nvidia/version; null: the kernel has no such driver. */
  kernelModule: string | null;
}

const NO_DEVICE = 100;
const ADVICE_BY_RESULT: Record<number, string> = {
  3: 'load the kernel module: modprobe nvidia && modprobe nvidia-uvm',
  34: "install the GPU's driver, and take the toolkit's stubs folder off LD_LIBRARY_PATH",
  802: 'start the fabric manager: systemctl start nvidia-fabricmanager',
  803: 'restart the machine, or unload the old kernel module: rmmod nvidia_uvm nvidia; modprobe nvidia',
  804: 'take the forward-compatibility package (cuda-compat) off LD_LIBRARY_PATH',
  999: 'load the module for memory: modprobe nvidia-uvm; then see dmesg | grep -i nvrm',
};
const INSTALL = "install the GPU's driver from its vendor or your distribution";

export function driverFindings(facts: CudaFacts, surroundings: DriverSurroundings): HostFinding[] {
  if (facts.libraryPath === '') {
    return [noGpu('no libcuda.so.1', surroundings)];
  }
  const library = ok('driver.library', 'library', facts.libraryPath);
  if (facts.initResult === NO_DEVICE || (facts.error === '' && facts.gpus.length === 0)) {
    return [library, noGpu('the driver shows no GPU to this process', surroundings)];
  }
  return [library, versionFinding(facts), symbolsFinding(facts), ...usableFindings(facts)];
}

export function formatCudaVersion(version: number): string {
  return version === 0
    ? 'of unknown version'
    : `CUDA ${Math.floor(version / 1000)}.${Math.floor((version % 1000) / 10)}`;
}

function noGpu(found: string, surroundings: DriverSurroundings): HostFinding {
  const { gpuRequired, container, kernelModule } = surroundings;
  const advice =
    container !== null
      ? 'give the container its GPUs (Docker: --gpus all; Kubernetes: a limit nvidia.com/gpu)'
      : kernelModule === null
        ? INSTALL
        : 'see nvidia-smi, and unset CUDA_VISIBLE_DEVICES if it hides them';
  const lacking = { found: `${found}: fit for engines on the CPU alone`, advice };
  return gpuRequired
    ? problem('driver.gpu', 'GPU', { ...lacking, found, required: 'a GPU (--gpu)' })
    : note('driver.gpu', 'GPU', lacking);
}

function versionFinding({ version, oldestVersion }: CudaFacts): HostFinding {
  const found = formatCudaVersion(version);
  const required = `${formatCudaVersion(oldestVersion)} or later`;
  return version >= oldestVersion
    ? ok('driver.version', 'version', `${found}; required: ${required}`)
    : problem('driver.version', 'version', { found, required, advice: 'install a newer driver' });
}

function symbolsFinding({ missingRequired, missingOptional }: CudaFacts): HostFinding {
  if (missingRequired.length > 0) {
    const found = `the driver lacks ${missingRequired.join(', ')}`;
    return problem('driver.symbols', 'symbols', {
      ...{ found, required: 'all of them' },
      advice: 'install a newer driver',
    });
  }
  return missingOptional.length > 0
    ? note('driver.symbols', 'symbols', {
        found: `all that are needed; without ${missingOptional.join(', ')}`,
        advice: 'nothing has to be done; a newer driver has them',
      })
    : ok('driver.symbols', 'symbols', 'all');
}

function usableFindings({ error, initResult, missingRequired }: CudaFacts): HostFinding[] {
  if (error === '' || missingRequired.length > 0) {
    return []; // there is nothing, or its cause has a row already
  }
  const advice = ADVICE_BY_RESULT[initResult] ?? 'see nvidia-smi, and dmesg | grep -i nvrm';
  return [problem('driver.usable', 'use', { found: error, advice })];
}

/** It hung, or took its process along. */
export function brokenDriver(error: PegaError): HostFinding {
  return problem('driver.usable', 'use', {
    found: error.message,
    advice: error.suggestions.join('; '),
  });
}

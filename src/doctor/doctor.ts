// The service call of `pega doctor`: is this host fit for pega, what does it lack, what to do.
//
// Looks and measures; changes nothing but a calibration's file where that was asked for. Everything of
// CUDA runs in a process of its own (native-process.ts).
import { join } from 'node:path';
import { anyProblem } from '../findings/finding.js';
import { readContainer } from '../host/container.js';
import { HOST, type MemorySources } from '../host/host-memory.js';
import { readPciDevice } from '../host/pci-link.js';
import { readText } from '../host/read-text.js';
import type { PegaTarget } from '../rpc/client.js';
import { calibrateAll } from './calibrate.js';
import { type CopiedPlace, copyEverywhere, registeredBytes } from './copies.js';
import { lookAtDriver } from './driver.js';
import { expectedRows } from './expected-ttft.js';
import { type GpuView, gpuFindings, isUsable } from './gpu-findings.js';
import { lookAtMemory } from './memory.js';
import { memlockFinding } from './memory-findings.js';
import type { DoctorReport } from './report.js';
import { serverView } from './server-findings.js';

export interface DoctorOptions {
  poolDir: string;
  /** Undefined: slabs lie in poolDir. */
  slabDir: string | undefined;
  poolBytes: number;
  /** Somebody asked for a pool of just this size. */
  poolBytesNamed: boolean;
  target: PegaTarget;
  /** The target was named and is no guess. */
  targetNamed: boolean;
  gpuRequired: boolean;
  calibrate: boolean;
  models: readonly string[];
  kvBytesPerToken: number | undefined;
  environment: NodeJS.ProcessEnv;
  signal: AbortSignal;
  /** What is being done; the function that is returned is called at its end. */
  step: (text: string) => () => void;
  sources?: MemorySources;
}

export async function examineHost(options: DoctorOptions): Promise<DoctorReport> {
  const { sources = HOST, step } = options;
  const { root } = sources;
  const container = readContainer(root, options.environment);
  const endOfAsking = step('asking the driver');
  const driver = await lookAtDriver({ ...options, container, kernelModule: kernelModule(root) });
  endOfAsking();
  const memory = lookAtMemory(options, sources, container);
  const server = await serverView(options.target, options.targetNamed, container);
  const idle = driver.gpus.map((gpu) => readPciDevice(root, gpu.busId) ?? null);
  const { facts } = driver;
  const usable = driver.gpus.filter((gpu) => facts !== null && isUsable(gpu, facts));
  const copied = await copyEverywhere(usable, memory.facts, options, root);
  const gpus: GpuView[] = driver.gpus.map((gpu, index) => ({
    ...gpu,
    idle: idle[index] ?? null,
    loaded: copied.find(({ place }) => place === gpu.ordinal)?.copy?.pci ?? null,
  }));
  const calibrated = await calibrateAll({ ...driver, gpus: usable }, options);
  const { limits } = memory.facts;
  const findings = [
    ...driver.findings,
    ...gpuFindings(gpus, limits.numaNodes, facts?.oldestCapabilityMajor ?? 0),
    ...memory.findings,
    memlockFinding(limits, registeredBytes(copied)),
    ...server.findings,
    ...copied.flatMap((place) => place.findings),
    ...calibrated.map(({ finding }) => finding),
  ];
  return {
    fit: !anyProblem(findings),
    findings,
    facts: {
      ...{ driver: facts, gpus, memory: memory.facts, server: server.pool },
      copies: copied.flatMap(({ place, copy }) =>
        copy === null ? [] : [{ ...copy, gpuOrdinal: place }],
      ),
      expected: expectedTtft(copied, options),
      calibrations: calibrated.flatMap(({ ordinal, made }) =>
        made === null ? [] : [{ ...made, gpuOrdinal: ordinal }],
      ),
    },
  };
}

/** The line that names its version; null: the kernel has none. */
function kernelModule(root: string): string | null {
  return readText(join(root, 'proc/driver/nvidia/version'))?.split('\n')[0] ?? null;
}

/** By the slowest place: an engine may be on any. */
function expectedTtft(copied: readonly CopiedPlace[], options: DoctorOptions) {
  const rates = copied.flatMap(({ place, copy }) =>
    copy === null ? [] : [{ place, bytesPerSecond: copy.trip.loadBytesPerSecond }],
  );
  const [slowest] = rates.sort((a, b) => a.bytesPerSecond - b.bytesPerSecond);
  return slowest === undefined
    ? null
    : {
        loadBytesPerSecond: slowest.bytesPerSecond,
        gpuOrdinal: slowest.place,
        rows: expectedRows(options.models, options.kvBytesPerToken, slowest.bytesPerSecond),
      };
}

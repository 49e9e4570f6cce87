// The calibration of each GPU: whether its file is there, and, measured afresh, what copies cost and what
// plans become of it.
import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Calibration, GpuFacts } from '../engine/cuda.js';
import type { PegaError } from '../errors.js';
import { renderTable } from '../tables.js';
import { formatBytes } from '../units.js';
import { formatGigabytes } from './copy-findings.js';
import { findingsOf, type HostFinding } from './host-finding.js';

const { ok, note, problem } = findingsOf('calibration');

const idOf = ({ ordinal }: GpuFacts) => `gpu${ordinal}.calibration`;
const checkOf = ({ ordinal }: GpuFacts) => `GPU ${ordinal}`;

/** Where native/cuda/plan/calibration.h keeps the files. */
export function calibrationFolder(environment: NodeJS.ProcessEnv): string {
  const cache = environment.XDG_CACHE_HOME || join(environment.HOME || homedir(), '.cache');
  return join(cache, 'pega');
}

/** The file of this GPU and driver; undefined: there is none, or the GPU has no UUID to name it by. */
export function calibrationFile(
  folder: string,
  { uuid }: GpuFacts,
  version: number,
): string | undefined {
  const names = existsSync(folder) && uuid !== '' ? readdirSync(folder) : [];
  const name = names.find((entry) => entry.includes(uuid) && entry.includes(String(version)));
  return name === undefined ? undefined : join(folder, name);
}

export function foundCalibration(gpu: GpuFacts, file: string | undefined): HostFinding {
  return file === undefined
    ? ok(
        idOf(gpu),
        checkOf(gpu),
        'none yet: the first worker measures for up to 2 s (or `pega doctor --calibrate`)',
      )
    : ok(idOf(gpu), checkOf(gpu), `${file}; measured afresh by --calibrate`);
}

export function madeCalibration(gpu: GpuFacts, made: Calibration): HostFinding {
  const took = `measured in ${made.seconds.toFixed(1)} s`;
  return made.path === ''
    ? note(idOf(gpu), checkOf(gpu), {
        found: `${took}, but not kept: ${made.note}`,
        advice: 'name a folder that can be written: XDG_CACHE_HOME',
      })
    : ok(idOf(gpu), checkOf(gpu), `${took}, kept in ${made.path}`);
}

export function failedCalibration(gpu: GpuFacts, error: PegaError): HostFinding {
  return problem(idOf(gpu), checkOf(gpu), {
    found: error.message,
    advice: error.suggestions.join('; '),
  });
}

export function renderCalibration(made: Calibration): string {
  return [renderRates(made), renderFixed(made), renderChanges(made)].join('\n\n');
}

function renderRates({ load, store }: Calibration): string {
  const pitched = load.pitched.map(({ rowBytes, bytesPerSecond }, index) => [
    `pitched, rows of ${formatBytes(rowBytes)}`,
    formatGigabytes(bytesPerSecond),
    formatGigabytes(store.pitched[index]?.bytesPerSecond ?? 0),
  ]);
  return renderTable(
    ['way', 'load', 'store'],
    [
      ['one long copy', load.linkBytesPerSecond, store.linkBytesPerSecond],
      ['staged', load.stagedBytesPerSecond, store.stagedBytesPerSecond],
    ]
      .map(([way, ...rates]) => [
        String(way),
        ...rates.map((rate) => formatGigabytes(Number(rate))),
      ])
      .concat(pitched),
    'right',
  );
}

function renderFixed({ copySeconds, stagedSeconds, callSeconds }: Calibration): string {
  const us = (seconds: number) => `${(seconds * 1e6).toFixed(1)} µs`;
  return renderTable(
    ['fixed cost', 'time'],
    [
      ['each further copy on a stream', us(copySeconds)],
      ['each staged piece: kernel and events', us(stagedSeconds)],
      ["each driver call, of the caller's thread", us(callSeconds)],
    ],
    'right',
  );
}

/** Runs as long as these, or longer, are copied directly. */
function renderChanges({ changes }: Calibration): string {
  const of = (direction: 'load' | 'store', bytes: number) => {
    const run = changes.find(
      (change) => change.direction === direction && change.layerBytes === bytes,
    )?.directFromRunBlocks;
    return run === undefined || run === null
      ? 'always staged'
      : `${run} ${run === 1 ? 'block' : 'blocks'}`;
  };
  const sizes = [...new Set(changes.map(({ layerBytes }) => layerBytes))];
  return renderTable(
    ['bytes a block and layer', 'load direct from runs of', 'store direct from runs of'],
    sizes.map((bytes) => [formatBytes(bytes), of('load', bytes), of('store', bytes)]),
    'right',
  );
}

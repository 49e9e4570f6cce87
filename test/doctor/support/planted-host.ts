// A machine as files (/proc, /sys) around the real doctor: its processes, pools and the fake CUDA driver
// are real, only what is read of the machine is planted.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type DoctorOptions, examineHost } from '../../../src/doctor/doctor.js';
import { MODEL_SHAPES } from '../../../src/doctor/expected-ttft.js';
import type { DoctorReport } from '../../../src/doctor/report.js';
import { packageRoot } from '../../../src/package.js';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const TMPFS_MAGIC = 0x01021994;
/** The fake driver's first GPU. */
const GPU = '0000:01:00.0';
const BRIDGE = 'sys/devices/pci0000:00/0000:00:01.0';

export interface LinkFiles {
  speed: string;
  width: number;
  slotWidth?: number;
}

export interface PlantedHost {
  /** On tmpfs; empty again after each look. */
  readonly poolDir: string;
  readonly cacheDir: string;
  file(path: string, content: string): void;
  /** Of a GPU that can 32 GT/s and 16 lanes. */
  link(files: LinkFiles): void;
  shm(totalBytes: number, freeBytes?: number): void;
  /** @param fake settings of the fake driver; undefined: no driver at all. */
  examine(fake?: string, options?: Partial<DoctorOptions>): Promise<DoctorReport>;
  remove(): void;
}

export function plantHost(): PlantedHost {
  const root = mkdtempSync(join(tmpdir(), 'pega-host-'));
  const poolDir = mkdtempSync('/dev/shm/pega-doctor-test-');
  const cacheDir = join(root, 'cache');
  // Small: half of it is what the doctor copies through.
  let space = { totalBytes: 192 * MIB, freeBytes: 192 * MIB };
  const file = (path: string, content: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  };
  file('proc/meminfo', `MemAvailable:   ${(90 * GIB) / 1024} kB\nSwapTotal:      0 kB\n`);
  file(
    'proc/self/limits',
    'Max locked memory         unlimited            unlimited            bytes\n',
  );
  file('proc/self/mounts', 'tmpfs /dev/shm tmpfs rw,huge=advise 0 0\n');
  file('proc/sys/kernel/osrelease', '6.8.0-45-generic\n');
  file('sys/kernel/mm/transparent_hugepage/shmem_enabled', 'always [never] deny force\n');
  const link = ({ speed, width, slotWidth = 16 }: LinkFiles) => {
    const of = (folder: string, which: string, rate: string, lanes: number) => {
      file(`${folder}/${which}_link_speed`, `${rate} GT/s PCIe\n`);
      file(`${folder}/${which}_link_width`, `${lanes}\n`);
    };
    of(BRIDGE, 'max', '32.0', slotWidth);
    of(`${BRIDGE}/${GPU}`, 'max', '32.0', 16);
    of(`${BRIDGE}/${GPU}`, 'current', speed, width);
    file(`${BRIDGE}/${GPU}/numa_node`, '1\n');
    const devices = join(root, 'sys/bus/pci/devices');
    mkdirSync(devices, { recursive: true });
    if (!existsSync(join(devices, GPU))) {
      symlinkSync(join(root, BRIDGE, GPU), join(devices, GPU));
    }
  };
  link({ speed: '32.0', width: 16 });
  return {
    ...{ poolDir, cacheDir, file, link },
    shm: (totalBytes, freeBytes = totalBytes) => {
      space = { totalBytes, freeBytes };
    },
    examine: (fake, options = {}) =>
      examineHost({
        ...{ poolDir, slabDir: undefined, poolBytes: 64 * MIB, poolBytesNamed: false },
        ...{ target: { socket: join(root, 'no.sock') }, targetNamed: false },
        ...{ gpuRequired: false, calibrate: false, kvBytesPerToken: undefined },
        models: MODEL_SHAPES.map(({ name }) => name),
        environment: environmentOf(fake, cacheDir),
        signal: new AbortController().signal,
        step: () => () => undefined,
        sources: {
          root,
          statfs: () => ({ ...space, type: TMPFS_MAGIC, blockBytes: 4096 }),
        },
        ...options,
      }),
    remove: () => {
      rmSync(root, { recursive: true, force: true });
      rmSync(poolDir, { recursive: true, force: true });
    },
  };
}

/** Of the doctor's processes: with the fake driver, or without any. */
export function environmentOf(fake: string | undefined, cacheDir: string): NodeJS.ProcessEnv {
  const { LD_LIBRARY_PATH: _, KUBERNETES_SERVICE_HOST: __, ...rest } = process.env;
  const here = { ...rest, XDG_CACHE_HOME: cacheDir };
  return fake === undefined
    ? here
    : { ...here, LD_LIBRARY_PATH: FAKE_DRIVER, PEGA_FAKE_CUDA: fake };
}

export const FAKE_DRIVER = join(packageRoot(), 'build', 'release', 'fake-cuda');

/** "id: state" of what is not ok. */
export function lacking({ findings }: DoctorReport): string[] {
  return findings.filter(({ state }) => state !== 'ok').map(({ id, state }) => `${id}: ${state}`);
}

export function finding({ findings }: DoctorReport, id: string) {
  const found = findings.find((one) => one.id === id);
  if (found === undefined) {
    throw new Error(`no finding ${id} in ${findings.map((one) => one.id).join(', ')}`);
  }
  return found;
}

/** What a look left in the folder of pools. */
export function leftIn(poolDir: string): string[] {
  return readdirSync(poolDir);
}

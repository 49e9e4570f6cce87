// `pega doctor` on planted machines, with the fake CUDA driver and without one: what it finds, what it
// requires, and that it leaves nothing behind.
import { mkdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { finding, lacking, leftIn, type PlantedHost, plantHost } from './support/planted-host.js';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

let host: PlantedHost;

beforeEach(() => {
  host = plantHost();
});

afterEach(() => {
  const left = leftIn(host.poolDir);
  host.remove();
  expect(left).toEqual([]);
});

describe('a host without a GPU', () => {
  it('is fit for engines on the CPU, by a copy on the host device', async () => {
    const report = await host.examine();
    expect(report.fit).toBe(true);
    expect(lacking(report)).toEqual(['driver.gpu: note']);
    expect(finding(report, 'copy').found).toMatch(/by the processor, .* every byte as it was/);
    expect(report.facts.copies).toMatchObject([{ gpuOrdinal: null, gpu: null }]);
  });

  it('has a problem where a GPU is a must', async () => {
    const report = await host.examine(undefined, { gpuRequired: true });
    expect(report.fit).toBe(false);
    expect(finding(report, 'driver.gpu').required).toBe('a GPU (--gpu)');
  });

  it.each(['gpus=0', 'init=100'])(
    'is the same with a driver that shows none (%s)',
    async (fake) => {
      expect(lacking(await host.examine(fake))).toEqual(['driver.gpu: note']);
    },
  );
});

describe('a host with GPUs', () => {
  it('lacks nothing where all is well, and copied on each', async () => {
    const report = await host.examine('gpus=2,name=NVIDIA H100');
    // Of the second one nothing is planted in sysfs; the fake link is no PCIe 5.
    expect(lacking(report)).toEqual(['gpu1.pcie: note', 'gpu0.copy.share: note']);
    expect(finding(report, 'gpu0').found).toMatch(
      /^NVIDIA H100, 4\.0 GiB, compute capability 9\.0, GPU-/,
    );
    expect(finding(report, 'gpu0.pcie').found).toBe(
      'PCIe 5 x16 after a copy; the GPU can PCIe 5 x16',
    );
    const { copies, expected } = report.facts;
    expect(copies.map(({ gpuOrdinal }) => gpuOrdinal)).toEqual([0, 1]);
    expect(copies[0]?.gpu).toMatchObject({ bytes: 48 * MIB, registeredBytes: 96 * MIB });
    const slowest = Math.min(...copies.map(({ trip }) => trip.loadBytesPerSecond));
    expect(expected?.loadBytesPerSecond).toBe(slowest);
  });

  it('says that a link is degraded, and what it has to be', async () => {
    host.link({ speed: '32.0', width: 8 });
    const report = await host.examine('gpus=1');
    expect(report.fit).toBe(false);
    expect(finding(report, 'gpu0.pcie')).toMatchObject({
      ...{ state: 'problem', required: 'PCIe 5 x16' },
      found: 'degraded: PCIe 5 x8 after a copy; the GPU can PCIe 5 x16',
    });
  });

  it('does not blame a link for its slot, nor for sleeping where nothing was copied', async () => {
    host.link({ speed: '32.0', width: 8, slotWidth: 8 });
    expect(finding(await host.examine('gpus=1'), 'gpu0.pcie').state).toBe('note');
    host.link({ speed: '2.5', width: 16 });
    const report = await host.examine('fail=cuMemAlloc_v2:1:2:forever');
    expect(finding(report, 'gpu0.pcie')).toMatchObject({
      ...{ state: 'ok', found: 'PCIe 1 x16 without load; the GPU can PCIe 5 x16' },
    });
    expect(finding(report, 'gpu0.copy')).toMatchObject({ state: 'note' });
  });

  it('notes MIG, and the node of a GPU where there are several', async () => {
    host.file('sys/devices/system/node/node0/cpulist', '0');
    host.file('sys/devices/system/node/node1/cpulist', '1');
    const report = await host.examine('name=NVIDIA A100 MIG 1g.10gb');
    expect(finding(report, 'gpu0.mig').state).toBe('note');
    expect(finding(report, 'gpu0.numa').found).toBe('NUMA node 1 of 2');
  });
});

describe('a driver or a GPU that can not be used', () => {
  it.each([
    ['version=11040', 'driver.version', /^CUDA 11\.4$/],
    ['capability=75', 'gpu0', /compute capability 7\.5/],
    ['missing=cuMemcpy2DAsync_v2', 'driver.symbols', /lacks cuMemcpy2DAsync_v2/],
    ['init=802', 'driver.usable', /802/],
    ['delay_us=none', 'driver.usable', /was ended by SIGABRT/],
    ['fail=cuMemHostRegister_v2:1:801:forever', 'gpu0.copy', /cuMemHostRegister/],
    ['fail=cuMemcpyDtoHAsync_v2:1:719:forever', 'gpu0.copy', /cuMemcpyDtoHAsync/],
  ])('%s is a problem', async (fake, id, found) => {
    const report = await host.examine(fake);
    expect(report.fit).toBe(false);
    expect(lacking(report)).toContain(`${id}: problem`);
    expect(finding(report, id).found).toMatch(found);
    expect(finding(report, id).try).not.toBe('');
  });

  it('says what starts a GPU that waits for the fabric manager', async () => {
    const report = await host.examine('init=802');
    expect(finding(report, 'driver.usable').try).toContain('nvidia-fabricmanager');
  });

  it('names what an older driver lacks and pega can do without', async () => {
    const report = await host.examine('missing=cuMemsetD8Async');
    expect(finding(report, 'driver.symbols')).toMatchObject({ state: 'note' });
    expect(report.fit).toBe(true);
  });
});

describe('memory and its limits', () => {
  it("names Docker's 64 MiB and what to start the container with", async () => {
    host.shm(64 * MIB);
    const report = await host.examine(undefined, { poolBytes: 30 * GIB });
    expect(finding(report, 'room')).toMatchObject({ state: 'problem' });
    expect(finding(report, 'room').try).toBe(
      'start the container with --shm-size=32g, or --ipc=host',
    );
    expect(report.facts.copies[0]?.trip.bytes).toBe(16 * MIB);
  });

  it('takes a pool that does not fit for a problem only where it was named', async () => {
    host.shm(20 * GIB);
    expect(finding(await host.examine(undefined, { poolBytes: 30 * GIB }), 'room')).toMatchObject({
      ...{ state: 'note', try: 'pega serve --pool-size 18gb, or free memory' },
    });
    const named = await host.examine(undefined, { poolBytes: 30 * GIB, poolBytesNamed: true });
    expect(finding(named, 'room')).toMatchObject({
      state: 'problem',
      required: '30.0 GiB for the pool',
    });
  });

  it('does not copy where there is no room', async () => {
    host.shm(40 * MIB);
    expect(finding(await host.examine(), 'copy')).toMatchObject({ state: 'problem' });
  });

  it('measures locked memory by what the driver took', async () => {
    host.file(
      'proc/self/limits',
      'Max locked memory         8388608              8388608              bytes\n',
    );
    expect(finding(await host.examine(), 'memlock')).toMatchObject({ state: 'note' });
    expect(finding(await host.examine('gpus=1'), 'memlock')).toMatchObject({
      ...{ state: 'ok', found: '8.0 MiB; the driver registered 96.0 MiB all the same' },
    });
  });

  it('says how a folder without huge pages gets them, and what they are worth', async () => {
    host.file('proc/self/mounts', 'tmpfs /dev/shm tmpfs rw 0 0\n');
    const report = await host.examine();
    expect(finding(report, 'huge-pages').try).toBe(
      'as root on the host: mount -o remount,huge=advise /dev/shm',
    );
    expect(finding(report, 'huge-pages').found).toContain('1.7 s to fill');
  });

  it('refuses a kernel that can not take memory ahead of use', async () => {
    host.file('proc/sys/kernel/osrelease', '5.10.0-30-amd64\n');
    expect(finding(await host.examine(), 'kernel')).toMatchObject({ state: 'problem' });
  });
});

describe('calibration', () => {
  it('is measured afresh where that is asked for, and its file is found later', async () => {
    const before = await host.examine('gpus=1');
    expect(finding(before, 'gpu0.calibration').found).toMatch(/^none yet/);
    const made = await host.examine('gpus=1', { calibrate: true });
    expect(finding(made, 'gpu0.calibration').found).toContain(host.cacheDir);
    expect(made.facts.calibrations).toMatchObject([{ gpuOrdinal: 0, fromFile: false }]);
    expect(made.facts.calibrations[0]?.changes.length).toBe(14);
    const after = await host.examine('gpus=1');
    expect(finding(after, 'gpu0.calibration').found).toContain(made.facts.calibrations[0]?.path);
  });
});

describe('what a look leaves behind', () => {
  it('is nothing when it is stopped in the middle', async () => {
    const stop = new AbortController();
    const step = (text: string) => {
      if (text.startsWith('copying')) {
        stop.abort(new Error('stopped'));
      }
      return () => undefined;
    };
    await expect(host.examine('gpus=1', { step, signal: stop.signal })).rejects.toThrow('stopped');
  });

  it('and what a killed one left goes an hour later', async () => {
    const left = join(host.poolDir, 'pega-doctor-killed');
    mkdirSync(join(left, 'pega-0'), { recursive: true });
    const long = Date.now() / 1000 - 7200;
    utimesSync(left, long, long);
    await host.examine();
  });
});

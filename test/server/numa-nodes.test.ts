// Which NUMA nodes the pool's memory comes from: on made-up machines, written as files.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { NumaNode } from '../../src/config/serve-options.js';
import { chooseNumaNodes } from '../../src/server/numa-nodes.js';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'pega-machine-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function file(path: string, content: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), `${content}\n`);
}

function device(address: string, kind: string, vendor: string, node: number): void {
  const folder = join('sys/bus/pci/devices', address);
  file(join(folder, 'class'), kind);
  file(join(folder, 'vendor'), vendor);
  file(join(folder, 'numa_node'), String(node));
}

const nodes = (online: string) => file('sys/devices/system/node/online', online);
const choose = (numaNode: NumaNode, devices: 'cpu' | number[] = [0]) =>
  chooseNumaNodes({ numaNode, devices }, root);

it('takes the nodes of the GPUs and of nothing else', () => {
  nodes('0-3');
  device('0000:19:00.0', '0x030200', '0x10de', 2);
  device('0000:1a:00.0', '0x030200', '0x10de', 2);
  device('0000:01:00.0', '0x030000', '0x1a03', 0); // a console's graphics
  device('0000:05:00.0', '0x068000', '0x10de', 3); // a bridge of the GPUs' maker
  expect(choose('auto')).toEqual([2]);
  device('0000:9b:00.0', '0x030000', '0x10de', 1);
  expect(choose('auto')).toEqual([1, 2]);
  expect(choose('off')).toEqual([]);
  expect(choose('auto', 'cpu')).toEqual([]);
});

it('leaves it to the kernel where there is one node, none, or the firmware does not say', () => {
  expect(choose('auto')).toEqual([]);
  nodes('0');
  device('0000:19:00.0', '0x030200', '0x10de', 0);
  expect(choose('auto')).toEqual([]);
  nodes('0,2-3');
  device('0000:19:00.0', '0x030200', '0x10de', -1);
  expect(choose('auto')).toEqual([]);
});

it('takes a node that was named, if there is one', () => {
  nodes('0,2-3');
  expect(choose(3)).toEqual([3]);
  expect(choose(0, 'cpu')).toEqual([0]);
  expect(() => choose(1)).toThrow(
    expect.objectContaining({
      code: 'PEGA_INVALID_ARGUMENT',
      message: '--numa-node 1: this machine has node 0, 2, 3',
    }),
  );
});

// What `npm pack` puts into the package is enough to run: addon, proto and commands, from a folder of its own.
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ROOT } from './tree.js';

let folder = '';
let names: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pega-pack-'));
  const pack = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
  const { stdout } = await execa('npm', pack, { cwd: ROOT });
  const [packed] = JSON.parse(stdout) as { filename: string; files: { path: string }[] }[];
  names = packed?.files.map(({ path }) => path) ?? [];
  await execa('tar', ['xzf', packed?.filename ?? ''], { cwd: folder });
  await symlink(join(ROOT, 'node_modules'), join(folder, 'package/node_modules'));
}, 60_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

const pega = (...args: string[]) =>
  execa(process.execPath, [join(folder, 'package/bin/run.js'), ...args], { reject: false });

test('has the documents that it links to and nothing that only developers need', () => {
  expect(names).toEqual(
    expect.arrayContaining(['README.md', 'LICENSE', 'docs/architecture.md', 'native/c/pega.h']),
  );
  // A CUDA driver for tests lies beside the addon: a user who had it would have a GPU that is none.
  const developers = /^(test|scripts)\/|tsbuildinfo$|\.log$|libcuda/;
  expect(names.filter((name) => developers.test(name))).toEqual([]);
});

test('has the connector: its source, its tools, its wheel, its library', () => {
  const wheels = names.filter((name) => /^dist\/wheel\/pega_connector-.*\.whl$/.test(name));
  expect(wheels).toHaveLength(1);
  expect(names).toEqual(
    expect.arrayContaining([
      'python/pegaflow/__init__.py',
      'python/tools/unpack_wheel.py',
      'build/release/libpega.so',
    ]),
  );
  expect(names.filter((name) => /__pycache__|\.pyc$/.test(name))).toEqual([]);
});

test('loads the addon', async () => {
  const { exitCode, stderr } = await pega('reference', '--heads', '3');
  expect(stderr).toContain('heads is 3');
  expect(exitCode).toBe(2);
});

test('loads the proto file', async () => {
  const { exitCode, stderr } = await pega('inspect', '--socket', '/nonexistent/s');
  expect(stderr).toContain('no pega server answers at unix:/nonexistent/s');
  expect(exitCode).toBe(69);
});

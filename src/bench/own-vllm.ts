// A server and a vLLM with the connector for one run: started, used, stopped, and every file of theirs
// removed, also when the run fails or is interrupted. vLLM's log alone is kept where something went wrong.
import { tmpdir } from 'node:os';
import type { Progress } from '../progress.js';
import type { PegaClient } from '../rpc/client.js';
import { choosePython, requireVllm, type VllmPython } from '../vllm/interpreter.js';
import { kvTransferConfig } from '../vllm/kv-transfer-config.js';
import { makeTinyModel } from '../vllm/made-model.js';
import { type ModelFacts, readModelFacts } from '../vllm/model-facts.js';
import { findModel, type ModelFolder } from '../vllm/model-folder.js';
import { startVllm, type VllmServer } from '../vllm/vllm-server.js';
import { type OwnServer, stopAfter, whileAlive, withOwnServer } from './own-server.js';
import { untilFilled } from './pega-view.js';
import type { RunSize } from './reference-size.js';
import { withRunFolder } from './run-folder.js';
import { kvBytesFor, modelTokensFor, vllmPoolBytesFor } from './vllm-size.js';

export interface OwnVllmOptions {
  /** A folder or a downloaded repository; undefined: a tiny one is made. */
  model?: string;
  /** The value of --vllm-python. */
  python?: string;
  extraArguments: readonly string[];
  poolBytes?: number;
  sizeOf: (facts: ModelFacts) => RunSize;
  environment: NodeJS.ProcessEnv;
  signal: AbortSignal;
  progress: Progress;
}

export interface OwnVllm {
  url: string;
  pega: PegaClient;
  /** The caller's signal, or the end of a process that should be there. */
  signal: AbortSignal;
  model: string;
  facts: ModelFacts;
  size: RunSize;
  poolBytes: number;
  vllmVersion: string;
  isCpuBuild: boolean;
  /** Keeps vLLM's log after the run; its path. */
  keepLog(): string;
}

/** What is known before anything runs. */
interface Plan {
  python: VllmPython;
  model: ModelFolder;
  facts: ModelFacts;
  size: RunSize;
  modelTokens: number;
  poolBytes: number;
}

export function withOwnVllm<T>(
  options: OwnVllmOptions,
  use: (vllm: OwnVllm) => Promise<T>,
): Promise<T> {
  return withRunFolder(tmpdir(), async (folder) => {
    const plan = await makePlan(options, folder);
    const { signal, progress } = options;
    const device = plan.python.isCpuBuild ? 'cpu' : 'gpu';
    const { poolBytes } = plan;
    return withOwnServer({ folder, poolBytes, device, signal, progress }, async (server) => {
      const vllm = await whileAlive(signal, [server.died], (alive) =>
        start(options, plan, { server, folder, signal: alive }),
      );
      return stopAfter(vllm, () =>
        whileAlive(signal, [server.died, vllm.died], async (alive) => {
          await untilFilled(server.pega, alive);
          return await use(describe(plan, server, vllm, alive));
        }),
      );
    });
  });
}

function describe(plan: Plan, server: OwnServer, vllm: VllmServer, signal: AbortSignal): OwnVllm {
  const { python, model, facts, size, poolBytes } = plan;
  return {
    url: vllm.url,
    pega: server.pega,
    signal,
    model: model.name,
    facts,
    size,
    poolBytes,
    vllmVersion: python.vllmVersion,
    isCpuBuild: python.isCpuBuild,
    keepLog: vllm.keepLog,
  };
}

/** Refuses what can't work before a minute is spent on it: the model, the sizes, the interpreter. */
async function makePlan(options: OwnVllmOptions, folder: string): Promise<Plan> {
  const { progress, signal, environment } = options;
  const given = options.model === undefined ? undefined : findModel(options.model, environment);
  const sizes = given && sizesOf(options, given);
  progress.note('looking at the interpreter …');
  const python = await requireVllm(choosePython(options.python, environment), signal);
  if (given !== undefined && sizes !== undefined) {
    return { python, model: given, ...sizes };
  }
  progress.note('making a tiny model …');
  const model = await makeTinyModel(python, folder, signal);
  return { python, model, ...sizesOf(options, model) };
}

function sizesOf(options: OwnVllmOptions, model: ModelFolder) {
  const facts = readModelFacts(model.folder);
  const size = options.sizeOf(facts);
  return {
    facts,
    size,
    modelTokens: modelTokensFor(size, facts, options.extraArguments),
    poolBytes: options.poolBytes ?? vllmPoolBytesFor(size, facts),
  };
}

async function start(
  options: OwnVllmOptions,
  plan: Plan,
  { server, folder, signal }: { server: OwnServer; folder: string; signal: AbortSignal },
): Promise<VllmServer> {
  const { python, model, facts, size } = plan;
  const line = options.progress.wait(`starting vLLM ${python.vllmVersion}`);
  try {
    return await startVllm({
      launch: {
        python,
        model,
        hasWeights: facts.hasWeights,
        maxModelTokens: plan.modelTokens,
        kvBytes: kvBytesFor(size, facts) ?? 0,
        kvTransferConfig: kvTransferConfig({ socket: server.socket }),
        extraArguments: options.extraArguments,
        temporaryFolder: folder,
      },
      signal,
      onStarting: line.update,
    });
  } finally {
    line.end();
  }
}

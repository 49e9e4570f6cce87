// The pega server as the engine should see it: does it answer, and is the engine registered there whole.
import { PegaError } from '../errors.js';
import { type Finding, note, ok, problem, problemOf } from '../findings/finding.js';
import { inspectInstances } from '../inspect/inspect.js';
import type { InstancesView, InstanceView } from '../inspect/instances-view.js';
import type { PegaTarget } from '../rpc/client.js';

/** @param vllmVersion of the engine that is looked for; null: any vLLM. */
export async function serverFindings(
  target: PegaTarget,
  vllmVersion: string | null,
): Promise<Finding[]> {
  let view: InstancesView;
  try {
    view = await inspectInstances(target);
  } catch (thrown) {
    if (!(thrown instanceof PegaError) || thrown.code === 'PEGA_INTERNAL') {
      throw thrown;
    }
    return [problemOf('server', thrown)];
  }
  return [ok('server', describe(target)), ...registeredFindings(view, vllmVersion)];
}

function registeredFindings(view: InstancesView, vllmVersion: string | null): Finding[] {
  const engines = view.instances.filter(
    (instance) => instance.state === 'alive' && isVllm(instance, vllmVersion),
  );
  const name = vllmVersion === null ? 'vLLM' : `vLLM ${vllmVersion}`;
  if (engines.length === 0) {
    return [
      problem(
        'registered',
        `the server knows no engine of ${name}`,
        "compare the endpoint in vLLM's --kv-transfer-config with `pega connector config`; the connector's lines in vLLM's log say why",
      ),
    ];
  }
  const missing = engines.flatMap(missingRanks);
  return missing.length > 0
    ? [
        note(
          'registered',
          `${missing.join(', ')} of ${name} ${missing.length === 1 ? 'is' : 'are'} not there yet`,
          "wait a moment and ask again; then look for the connector's lines in vLLM's log",
        ),
      ]
    : [ok('registered', `${engines.length} engine${engines.length === 1 ? '' : 's'} of ${name}`)];
}

/** The connector says in its identity what it runs in: `vllm 0.32.0`. */
function isVllm({ identity }: InstanceView, version: string | null): boolean {
  const engine = identity?.fields.engine ?? '';
  return version === null ? engine.startsWith('vllm ') : engine === `vllm ${version}`;
}

function missingRanks({ identity, processes }: InstanceView): string[] {
  const alive = processes.filter((process) => process.alive);
  const ranks = identity?.rank_slot_bytes.map((_, rank) => rank) ?? [];
  const workers = ranks.filter(
    (rank) => !alive.some((process) => process.role === 'worker' && process.rank === rank),
  );
  return [
    ...(alive.some(({ role }) => role === 'scheduler') ? [] : ['the scheduler side']),
    ...workers.map((rank) => `worker ${rank}`),
  ];
}

function describe(target: PegaTarget): string {
  return `answers at ${'socket' in target ? target.socket : target.address}`;
}

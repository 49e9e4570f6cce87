// The service calls of `pega inspect`: ask a running server, give its views. Read-only.
import { connectPega, type PegaClient, type PegaTarget } from '../rpc/client.js';
import { renderTable } from '../tables.js';
import {
  BLOCK_HEAD,
  type BlocksView,
  blockRows,
  blocksView,
  blockTotalRow,
} from './blocks-view.js';
import { renderFacts } from './facts.js';
import {
  INSTANCE_HEAD,
  type InstancesView,
  instanceRows,
  instancesView,
  NEAREST_HEAD,
  nearestRows,
  PROCESS_HEAD,
  processRows,
} from './instances-view.js';
import { CLASS_HEAD, classRows, type PoolView, poolRows, poolView } from './pool-view.js';

export interface SummaryView {
  schema_version: 1;
  pool: PoolView;
  instances: InstancesView['instances'];
  blocks: Pick<BlocksView, 'total' | 'namespaces'>;
}

const DEADLINE = { deadlineMs: 5000 };

export const inspectPool = (target: PegaTarget): Promise<PoolView> =>
  ask(target, async (client) => poolView(await client.getPool({}, DEADLINE)));

export const inspectInstances = (target: PegaTarget): Promise<InstancesView> =>
  ask(target, async (client) => instancesView(await client.listInstances({}, DEADLINE)));

export const inspectBlocks = (target: PegaTarget): Promise<BlocksView> =>
  ask(target, async (client) => blocksView(await client.getBlocks({}, DEADLINE)));

export const inspectAll = (target: PegaTarget): Promise<SummaryView> =>
  ask(target, async (client) => {
    const [pool, instances, blocks] = await Promise.all([
      client.getPool({}, DEADLINE),
      client.listInstances({}, DEADLINE),
      client.getBlocks({}, DEADLINE),
    ]);
    const { total, namespaces } = blocksView(blocks);
    return {
      schema_version: 1,
      pool: poolView(pool),
      instances: instancesView(instances).instances,
      blocks: { total, namespaces },
    };
  });

export function renderPool(view: PoolView): string {
  const facts = renderFacts(poolRows(view));
  return view.classes.length === 0
    ? facts
    : `${facts}\n\n${renderTable(CLASS_HEAD, classRows(view))}`;
}

export function renderInstances(view: InstancesView): string {
  if (view.instances.length === 0) {
    return 'no engine is registered';
  }
  const differences = nearestRows(view);
  return [
    renderTable(INSTANCE_HEAD, instanceRows(view)),
    renderTable(PROCESS_HEAD, processRows(view)),
    ...(differences.length === 0 ? [] : [renderTable(NEAREST_HEAD, differences)]),
  ].join('\n\n');
}

export function renderBlocks(view: BlocksView): string {
  return view.namespaces.length === 0
    ? 'no block was ever stored'
    : renderTable(BLOCK_HEAD, [...blockRows(view), blockTotalRow(view)]);
}

/** One screen. */
export function renderSummary(view: SummaryView): string {
  return [
    renderFacts(poolRows(view.pool)),
    renderInstances({ schema_version: 1, instances: view.instances }),
    renderBlocks({ schema_version: 1, ...view.blocks }),
  ].join('\n\n');
}

async function ask<View>(
  target: PegaTarget,
  view: (client: PegaClient) => Promise<View>,
): Promise<View> {
  const client = connectPega(target);
  try {
    return await view(client);
  } finally {
    client.close();
  }
}

// `pega inspect blocks`: blocks by state and namespace as JSON and as rows. Pure.
import type { GetBlocksResponse } from '../rpc/messages.js';
import { formatBytes } from '../units.js';
import { type IdentityView, identityView } from './instances-view.js';
import { formatCount, type Row, shortId } from './words.js';

export interface BlocksView {
  schema_version: 1;
  /** Reserved: being filled, nobody sees them. Sealed: can hit. Pinned: sealed and in use now. */
  total: BlockCounts;
  namespaces: (BlockCounts & { namespace: string; identity: IdentityView | null })[];
}

export interface BlockCounts {
  reserved: number;
  sealed: number;
  pinned: number;
  used_bytes: number;
}

export function blocksView(answer: GetBlocksResponse): BlocksView {
  const namespaces = answer.namespaces.map((namespace) => ({
    namespace: namespace.digest.toString('hex'),
    identity: namespace.identity ? identityView(namespace.identity) : null,
    reserved: namespace.reserved,
    sealed: namespace.sealed,
    pinned: namespace.pinned,
    used_bytes: namespace.usedBytes,
  }));
  const sum = (key: keyof BlockCounts) => namespaces.reduce((total, one) => total + one[key], 0);
  return {
    schema_version: 1,
    total: {
      reserved: sum('reserved'),
      sealed: sum('sealed'),
      pinned: sum('pinned'),
      used_bytes: sum('used_bytes'),
    },
    namespaces,
  };
}

export const BLOCK_HEAD = ['namespace', 'reserved', 'sealed', 'pinned', 'bytes', 'identity'];

export function blockRows(view: BlocksView): Row[] {
  return view.namespaces.map((one) => [
    shortId(one.namespace),
    ...countCells(one),
    one.identity === null ? '' : identityWords(one.identity),
  ]);
}

/** For a table's last line. */
export function blockTotalRow(view: BlocksView): Row {
  return ['all', ...countCells(view.total), ''];
}

function countCells(counts: BlockCounts): Row {
  return [
    formatCount(counts.reserved),
    formatCount(counts.sealed),
    formatCount(counts.pinned),
    formatBytes(counts.used_bytes),
  ];
}

/** What people know an engine's blocks by; JSON has every field whole. */
function identityWords(identity: IdentityView): string {
  const shown = ['weights', 'adapter', 'dtype', 'kv_dtype'].flatMap((key) => {
    const value = identity.fields[key];
    return value ? `${key}=${value.slice(0, 16)}` : [];
  });
  return [...shown, `${identity.block_tokens} tokens a block`].join(' ');
}

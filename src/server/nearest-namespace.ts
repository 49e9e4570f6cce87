// Why a new engine hits nothing: of the namespaces that are resident, the one that differs from the
// engine's in the fewest fields, and the sentence that names them. Pure; registry.ts knows who is resident.

import type { Identity, NearestNamespace } from '../rpc/messages.js';
import { identityDifferences, namespaceDigest, shown } from './identity.js';

const FIELDS_NAMED_MAX = 8;
const VALUE_CHARS_MAX = 40;

/** Undefined where nothing is resident, or the engine's own namespace is. */
export function nearestNamespace(
  own: Identity,
  resident: Iterable<Identity>,
): NearestNamespace | undefined {
  const candidates = [...resident].map((identity) => ({
    identity,
    differences: identityDifferences(own, identity),
  }));
  const fewest = Math.min(...candidates.map(({ differences }) => differences.length));
  const nearest = candidates.find(({ differences }) => differences.length === fewest);
  if (nearest === undefined || fewest === 0) {
    return undefined;
  }
  return {
    namespaceDigest: namespaceDigest(nearest.identity),
    differences: nearest.differences.map(({ field, found, other }) => ({
      field,
      value: found,
      nearestValue: other,
    })),
  };
}

/** One line for the log; values are cut. `pega inspect instances --json` has them whole. */
export function nearestWords({ namespaceDigest: digest, differences }: NearestNamespace): string {
  const named = differences
    .slice(0, FIELDS_NAMED_MAX)
    .map(
      ({ field, value, nearestValue }) =>
        `${field} is ${shown(value, VALUE_CHARS_MAX)}, there ${shown(nearestValue, VALUE_CHARS_MAX)}`,
    );
  const more = differences.length - named.length;
  return [
    `nothing in the pool is of this engine's namespace; the nearest, ${digest.toString('hex').slice(0, 12)}, differs in `,
    `${differences.length} ${differences.length === 1 ? 'field' : 'fields'}: `,
    named.join('; '),
    more > 0 ? `; and ${more} more` : '',
  ].join('');
}

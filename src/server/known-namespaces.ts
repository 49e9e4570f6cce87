// The identities behind the pool's namespaces: of living engines, and of those that are gone and left
// blocks. The pool knows digests only. registry.ts owns the one there is.

import type { Pool } from '../engine/pool.js';
import type { Identity } from '../rpc/messages.js';
import type { EngineEntry } from './engine-entry.js';

/** Twice the namespaces of a pool (kNamespacesMax): looked through once they are passed. */
const IDENTITIES_KEPT = 512;

export class KnownNamespaces {
  readonly #pool: Pool;
  readonly #identities = new Map<string, Identity>();

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** Its namespace is open in the pool. */
  add({ digest, identity }: EngineEntry): void {
    this.#identities.set(digest.toString('hex'), identity);
    this.#forgetDropped();
  }

  identityOf(digest: Buffer): Identity | undefined {
    return this.#identities.get(digest.toString('hex'));
  }

  /** Those that have blocks, or a living engine besides this one. */
  residentBeside(entry: EngineEntry, engines: Iterable<EngineEntry>): Identity[] {
    const stored = this.#pool
      .namespaces()
      .filter(({ blocksSealed, blocksReserved }) => blocksSealed + blocksReserved > 0)
      .map(({ digest }) => this.identityOf(digest));
    const living = [...engines]
      .filter((other) => other !== entry && other.phase === 'alive')
      .map(({ identity }) => identity);
    return [...stored, ...living].filter((identity) => identity !== undefined);
  }

  /** Namespaces that the pool has dropped for newer ones. */
  #forgetDropped(): void {
    if (this.#identities.size <= IDENTITIES_KEPT) {
      return;
    }
    const kept = new Set(this.#pool.namespaces().map(({ digest }) => digest.toString('hex')));
    for (const digest of this.#identities.keys()) {
      if (!kept.has(digest)) {
        this.#identities.delete(digest);
      }
    }
  }
}

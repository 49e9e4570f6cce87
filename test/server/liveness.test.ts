// Engines that registered and proved nothing; a look that fails; with stand-ins for pool and files, so
// that no test waits 30 s.

import { afterEach, expect, it } from 'vitest';
import type { HoldView } from '../../src/engine/hold-view.js';
import type { Pool } from '../../src/engine/pool.js';
import { createLogger } from '../../src/log.js';
import type { EngineEntry } from '../../src/server/engine-entry.js';
import type { HoldFiles } from '../../src/server/hold-files.js';
import { type Liveness, watchLiveness } from '../../src/server/liveness.js';
import type { Registry } from '../../src/server/registry.js';

let liveness: Liveness | undefined;
afterEach(() => liveness?.stop());

function watch(entries: EngineEntry[], file: Partial<HoldView> | undefined): EngineEntry[] {
  const registry = {
    engines: () => entries,
    forget: (entry: EngineEntry) => entries.splice(entries.indexOf(entry), 1),
  } as unknown as Registry;
  const holdFiles = { tryOpen: () => file } as unknown as HoldFiles;
  const log = createLogger({ name: 'test', level: 'silent' });
  const pool = {} as Pool;
  liveness = watchLiveness({ pool, registry, holdFiles, log, proveWithinMs: -1 });
  liveness.look();
  return entries;
}

function registered(view?: Partial<HoldView>): EngineEntry {
  return {
    key: 'e',
    phase: 'registered',
    registeredAtMs: performance.now(),
    view,
    identity: { rankCount: 1 },
  } as unknown as EngineEntry;
}

it('forgets an engine that made no hold file', () => {
  expect(watch([registered()], undefined)).toEqual([]);
});

it('forgets one whose hold file nobody has locked', () => {
  expect(watch([registered()], { removeIfDead: () => true })).toEqual([]);
});

it('keeps one that lives, although it has not proved itself', () => {
  expect(watch([registered()], { removeIfDead: () => false })).toHaveLength(1);
});

it('goes on with the next engine when one cannot be looked at', () => {
  const broken = {
    ...registered({
      anyAlive: () => {
        throw new Error('EIO');
      },
    }),
    phase: 'alive' as const,
  };
  expect(watch([broken, registered()], undefined)).toEqual([broken]);
});

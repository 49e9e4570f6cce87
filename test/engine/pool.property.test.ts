// Random schedules drive the pool and a plain model of it side by side (pool-schedule.ts). A failure
// prints fast-check's seed and the shortest schedule; PEGA_TEST_SEED replays a seed.
import fc from 'fast-check';
import { test } from 'vitest';

import { MIB, openTestPool } from './pool-fixture.js';
import { Schedule, STEP_KINDS } from './pool-schedule.js';

const LONG = process.env.PEGA_TEST_LONG === '1';
const SEED = process.env.PEGA_TEST_SEED;
const STEPS_MAX = 250;
const TIME_LIMIT_MS = LONG ? 3_600_000 : 120_000;

// Few slots a slab and four slabs, so that every schedule of some length evicts.
const SHAPES = [
  { ranks: 1, slotBytes: 4 * MIB },
  { ranks: 2, slotBytes: 2 * MIB },
  { ranks: 3, slotBytes: 1 * MIB },
];

const number = fc.nat({ max: 65535 });
const step = fc.record({
  kind: fc.constantFrom(...STEP_KINDS),
  engine: number,
  chain: fc.nat({ max: 3 }),
  length: number,
  from: number,
  pick: number,
});

test(
  'index, pool and leases do what the model says, whatever the order of calls',
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: STEPS_MAX, size: 'max' }),
        async (steps) => {
          const { pool, close } = await openTestPool();
          try {
            await new Schedule(pool, SHAPES).run(steps);
          } finally {
            close();
          }
        },
      ),
      {
        numRuns: LONG ? 2000 : 40,
        // A failure is shrunk for so long; then it is told with the shortest schedule found.
        interruptAfterTimeLimit: TIME_LIMIT_MS,
        markInterruptAsFailure: true,
        ...(SEED === undefined ? {} : { seed: Number(SEED) }),
      },
    );
  },
  TIME_LIMIT_MS * 2,
);

// An orderly stop: steps in the reverse order of the start, each tried whatever the others did.
//
// The whole takes less than 5 s: calls in flight get 3 s, everything else is short.

import type { Logger } from '../log.js';

type Step = readonly [name: string, run: () => void | Promise<void>];

export interface StopSteps {
  /** Adds a step that runs before all that are there. */
  before(name: string, run: () => void | Promise<void>): void;
  /** Runs the steps once; every call waits for that one run. */
  run(): Promise<void>;
}

export function createStop(log: Logger, first: Step[]): StopSteps {
  const steps: Step[] = [...first];
  let running: Promise<void> | undefined;
  const runAll = async (): Promise<void> => {
    for (const [name, run] of steps) {
      try {
        await run();
      } catch (failure) {
        log.error({ err: failure, step: name }, 'a step of the stop failed');
      }
    }
  };
  return {
    before: (name, run) => {
      steps.unshift([name, run]);
    },
    run: () => {
      running ??= runAll();
      return running;
    },
  };
}

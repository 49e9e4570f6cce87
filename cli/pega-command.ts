// The base of every command: exit codes, errors and signals, the same with and without --json.
//
// oclif alone loses exit codes under --json, dumps its configuration into JSON errors and answers
// Ctrl-C with 1. A command parses its flags, calls one function of src/ and returns the result: an
// object is printed when --json is given. It does no work of its own.
import { Command, Errors } from '@oclif/core';
import { EXIT, PegaError } from '../src/errors.js';
import { stopWithParent } from '../src/process/stop-with-parent.js';
import { describeFailure, renderFailure } from './failure.js';

const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export abstract class PegaCommand extends Command {
  static override strict = true;

  #stop = new AbortController();
  #stopIsAwaited = false;

  /**
   * Aborted by the first SIGINT, SIGTERM or SIGHUP; its reason is a PEGA_INTERRUPTED. A command that
   * reads it must end by itself: by throwing the reason (exit 130), or by returning if being stopped
   * is its normal end (exit 0). A second SIGINT ends the process at once.
   */
  protected get stopSignal(): AbortSignal {
    this.#stopIsAwaited = true;
    return this.#stop.signal;
  }

  /** The exit code for a run that has a result to print and still did not pass. */
  protected finishWith(exit: number): void {
    process.exitCode = exit;
  }

  protected override async init(): Promise<void> {
    await super.init();
    stopWithParent();
    // Who reads progress may go (`2>&1 | head`); what is being done does not end for that.
    process.stderr.on('error', () => undefined);
    for (const name of STOP_SIGNALS) {
      process.on(name, (received) => this.#onSignal(received));
    }
  }

  #onSignal(received: NodeJS.Signals): void {
    const again = received === 'SIGINT' && this.#stop.signal.aborted;
    if (again || !this.#stopIsAwaited) {
      process.exit(EXIT.interrupted);
    }
    this.#stop.abort(new PegaError('PEGA_INTERRUPTED', `stopped by ${received}`));
  }

  /** Prints the error once and leaves: oclif's own end would print it again with another exit code. */
  protected override async catch(thrown: unknown): Promise<never> {
    if (thrown instanceof Errors.ExitError) {
      throw thrown;
    }
    const failure = describeFailure(thrown, {
      words: (this.id ?? '').replaceAll(':', ' '),
      flagNames: [
        ...Object.keys({ ...this.ctor.flags }),
        ...(this.ctor.enableJsonFlag ? ['json'] : []),
      ],
    });
    if (this.jsonEnabled()) {
      this.logJson({ error: failure });
    } else {
      process.stderr.write(renderFailure(failure));
    }
    if (failure.exit === EXIT.internal && thrown instanceof Error) {
      process.stderr.write(`${thrown.stack ?? thrown.message}\n`);
    }
    throw new Errors.ExitError(failure.exit);
  }
}

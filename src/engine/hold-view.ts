// HoldView: the server's look at one engine's hold file. native/shared/hold_view.h has the meaning.
//
// An engine in the server's own process would look dead to it (locks of one's own process are invisible).
import { loadBinding } from './binding.js';
import type { NativeFolder, NativeHoldView } from './binding-types.js';
import { callNative } from './native-call.js';

export class HoldView {
  readonly #native: NativeHoldView;

  private constructor(native: NativeHoldView) {
    this.#native = native;
  }

  /** PEGA_NOT_SAME_HOST where the file is missing or not what its name says. */
  static open(
    folder: NativeFolder,
    poolId: Buffer,
    engineId: Buffer,
    rankCount: number,
    pageCount: number,
  ): HoldView {
    return new HoldView(
      callNative(() => loadBinding().HoldView.open(folder, poolId, engineId, rankCount, pageCount)),
    );
  }

  /** True if the record carries this nonce and a living process has it locked. */
  proves(record: number, nonce: Buffer): boolean {
    return callNative(() => this.#native.proves(record, nonce));
  }

  alive(record: number): boolean {
    return callNative(() => this.#native.alive(record));
  }

  anyAlive(): boolean {
    return callNative(() => this.#native.anyAlive());
  }

  heldPages(): number {
    return callNative(() => this.#native.heldPages());
  }

  /** Slabs that this process of the engine can reach. */
  slabsReady(record: number): number {
    return callNative(() => this.#native.slabsReady(record));
  }

  /** Removes the file; false if somebody still holds a lock on it. */
  removeIfDead(): boolean {
    return callNative(() => this.#native.removeIfDead());
  }
}

/** Removes a hold file of a former pool; false if one of its processes lives. */
export function removeDeadHoldFile(path: string): boolean {
  return callNative(() => loadBinding().removeDeadHoldFile(path));
}

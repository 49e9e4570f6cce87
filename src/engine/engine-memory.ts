// EngineMemory: one engine process's view of the pool, for one boot of the server: header, hold file,
// slabs. native/shared/engine_memory.h has the order of its life.
import { loadBinding } from './binding.js';
import type { NativeEngineMemory, NativeEngineMemoryOptions } from './binding-types.js';
import { callNative } from './native-call.js';

/** All of Register's answer, but engineId and record. */
export interface EngineMemoryOptions extends Omit<NativeEngineMemoryOptions, 'bootNumber'> {
  bootNumber: number;
}

export class EngineMemory {
  /** For src/engine/transfer.ts. */
  readonly native: NativeEngineMemory;

  private constructor(native: NativeEngineMemory) {
    this.native = native;
  }

  /** Makes or joins the hold file. PEGA_STALE_BOOT when the server has restarted since Register. */
  static open(options: EngineMemoryOptions): EngineMemory {
    return new EngineMemory(
      callNative(() =>
        loadBinding().EngineMemory.open({ ...options, bootNumber: BigInt(options.bootNumber) }),
      ),
    );
  }

  /** The header's boot number now; 0 when the header was removed. */
  bootNumber(): number {
    return callNative(() => Number(this.native.bootNumber()));
  }

  /** Slabs published so far. */
  slabCount(): number {
    return callNative(() => this.native.slabCount());
  }

  /** Takes a use of each packed slot. PEGA_STALE_BOOT: nothing was taken, treat it as a miss. */
  hold(slots: Uint8Array, slotBytes: number): void {
    callNative(() => this.native.hold(slots, slotBytes));
  }

  /** Gives one use of each slot back. */
  drop(slots: Uint8Array, slotBytes: number): void {
    callNative(() => this.native.drop(slots, slotBytes));
  }

  heldPages(): number {
    return callNative(() => this.native.heldPages());
  }

  /** What this process can do, for the scheduler side and the server to read. */
  reportReady(slabsReady: number, syncLoads: boolean): void {
    callNative(() => this.native.reportReady(slabsReady, syncLoads));
  }

  allRanksSync(): boolean {
    return callNative(() => this.native.allRanksSync());
  }

  /** Opens every published slab; how many can be reached. */
  openSlabs(): number {
    return callNative(() => this.native.openSlabs());
  }

  /** Lets go of slabs, header and lock. PEGA_INVALID_ARGUMENT while a transfer engine is open. */
  close(): void {
    callNative(() => this.native.close());
  }
}

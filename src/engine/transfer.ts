// TransferEngine: copies blocks between this process's memory and slots of the pool, on native threads.
// native/transfer/transfer_engine.h has the order of jobs.
//
// An open job keeps the process alive; an idle engine does not. Errors of a job come through its
// promises only: who asks for none is told of none.
import { loadBinding } from './binding.js';
import type {
  NativeJob,
  NativeJobKind,
  NativeTransferEngine,
  NativeTransferOptions,
  NativeTransferStats,
} from './binding-types.js';
import type { EngineMemory } from './engine-memory.js';
import { awaitNative, callNative } from './native-call.js';

export type { NativeJobKind as JobKind, NativeTransferStats as TransferStats };

/** Memory to copy from and to. The engine keeps `owner`, or the Uint8Array itself, alive. */
export type Allocation = { address: bigint; bytes: number; owner?: unknown } | Uint8Array;

export interface TransferOptions {
  memory: EngineMemory;
  allocations: Allocation[];
  segments: NativeTransferOptions['segments'];
  blockCount: number;
  /** 0 or left out: one for each core. */
  threads?: number;
}

export interface TransferJob {
  readonly groups: number;
  /** Resolves at the end of the group, rejects with the job's failure. */
  group(index: number): Promise<void>;
  done(): Promise<void>;
}

export class TransferEngine {
  /** Bytes of one block, all layers, unpadded. */
  readonly slotBytes: number;
  readonly layerCount: number;
  readonly #native: NativeTransferEngine;

  private constructor(native: NativeTransferEngine) {
    this.#native = native;
    this.slotBytes = native.slotBytes;
    this.layerCount = native.layerCount;
  }

  static create({ memory, allocations, segments, blockCount, threads = 0 }: TransferOptions) {
    const options = { memory: memory.native, allocations: [...allocations], segments, blockCount };
    const native = callNative(() => loadBinding().TransferEngine.create({ ...options, threads }));
    return new TransferEngine(native);
  }

  /**
   * deviceBlocks[i] ↔ slots[i] (8 bytes each). groupEnds: the end layer of each group of a load, rising,
   * the last one layerCount; empty is one group.
   */
  submit(
    kind: NativeJobKind,
    deviceBlocks: Uint32Array,
    slots: Uint8Array,
    groupEnds: number[] = [],
  ): TransferJob {
    const job = callNative(() => this.#native.submit(kind, deviceBlocks, slots, groupEnds));
    return jobOver(job);
  }

  stats(): NativeTransferStats {
    return callNative(() => this.#native.stats());
  }

  /** Resolves when nothing is in flight; jobs that have not ended fail with PEGA_CANCELLED. */
  close(): Promise<void> {
    return awaitNative(() => this.#native.close());
  }
}

function jobOver(native: NativeJob): TransferJob {
  return {
    groups: native.groups,
    group: (index) => awaitNative(() => native.group(index)),
    done: () => awaitNative(() => native.done()),
  };
}

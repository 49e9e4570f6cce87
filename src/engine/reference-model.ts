// ReferenceModel: the small transformer that tests and the embedded bench use as their LLM.
// native/reference/reference_model.h has its arithmetic.
import { loadBinding } from './binding.js';
import type {
  NativeModelShape,
  NativeReferenceModel,
  NativeSequenceChunk,
} from './binding-types.js';
import { awaitNative, callNative } from './native-call.js';

export type { NativeModelShape as ModelShape, NativeSequenceChunk as SequenceChunk };

export interface ModelOptions {
  shape: NativeModelShape;
  seed: number;
  blockCount: number;
  /** 0 or left out: one for each core. */
  threads?: number;
}

export interface KvAllocation {
  address: bigint;
  bytes: number;
  /** Keep it as long as the address is used: the memory goes with it. */
  owner: unknown;
}

export class ReferenceModel {
  /** Bytes of one block in one layer. */
  readonly kvBlockBytes: number;
  /** 16 hex digits. */
  readonly weightsDigest: string;
  readonly #native: NativeReferenceModel;

  private constructor(native: NativeReferenceModel) {
    this.#native = native;
    this.kvBlockBytes = native.kvBlockBytes;
    this.weightsDigest = native.weightsDigest;
  }

  /** Takes the memory and generates the weights: blocks for a good part of a second. */
  static create({ shape, seed, blockCount, threads = 0 }: ModelOptions): ReferenceModel {
    return new ReferenceModel(
      callNative(() => loadBinding().ReferenceModel.create({ shape, seed, blockCount, threads })),
    );
  }

  /** The next token of each chunk, −1 without `sample`. One at a time: await it before the next. */
  forward(chunks: NativeSequenceChunk[]): Promise<Int32Array> {
    return awaitNative(() => this.#native.forward(chunks));
  }

  /** The KV memory, one allocation a layer. */
  kv(): KvAllocation[] {
    const owner = this.#native;
    return callNative(() => owner.kv().map((allocation) => ({ ...allocation, owner })));
  }

  /** Floating-point operations of one token at this position. */
  flopsAt(position: number): number {
    return callNative(() => this.#native.flopsAt(position));
  }
}

// Pool: the server's pool of host memory, one handle over the addon's. native/pool/pool.h has the meaning.
//
// Packed values (hashes, slots, generations, indices) are bytes as on the wire; ids, watermarks and boot
// numbers are numbers. Methods that return promises work in batches with a turn of the event loop
// between them, so another call may come in between: the pool stays consistent, ids make one operation
// of the batches. Not here: who calls, whether its processes live, the wire.
import { PegaError } from '../errors.js';
import { loadBinding } from './binding.js';
import type {
  NativeEngineStats,
  NativeFillProgress,
  NativeFolder,
  NativeNamespaceStats,
  NativePool,
  NativePoolMemory,
  NativePoolStats,
  NativeSlabStats,
} from './binding-types.js';
import { callNative, inBatches, untilDone } from './native-call.js';
import { blocksPerBatch, joinParts, leaseInBatches, reserveInBatches } from './pool-batches.js';

export type {
  NativeEngineStats as EngineStats,
  NativeFillProgress as FillProgress,
  NativeFolder as Folder,
  NativeNamespaceStats as NamespaceStats,
  NativePoolMemory as PoolMemory,
  NativePoolStats as PoolStats,
  NativeSlabStats as SlabStats,
} from './binding-types.js';

export interface PoolOptions {
  poolDir: string;
  /** Slabs lie here instead (hugetlbfs). */
  slabDir?: string;
  /** This group may use the pool, too. */
  group?: string;
  poolBytes: number;
  /** 0 or left out: chosen from the pool's size. */
  slabBytes?: number;
  /** 0 or left out: one for each core. */
  fillThreads?: number;
  /** Ask a tmpfs for huge pages: only where it gives them. */
  hugePages?: boolean;
  /** The NUMA nodes that the memory shall come from. */
  numaNodes?: readonly number[];
  /** Left out: nodes that the kernel refuses are left out, too. */
  numaRequired?: boolean;
  /** Tests on disk folders. */
  allowAnyFilesystem?: boolean;
  /** True: no slab is filled before startFilling(). */
  deferFill?: boolean;
}

export interface LeaseAnswer {
  hitBlocks: number;
  /** hitBlocks × ranks × 8 bytes. */
  slots: Buffer;
}

export interface ReserveAnswer {
  /** One byte a block: see pega.proto. */
  outcomes: Buffer;
  /** count × ranks × 16 bytes. */
  reserved: Buffer;
}

interface BlockShape {
  hashBytes: number;
  rankCount: number;
}

/** Without an answer in mind: long enough for any pool that fits a small machine. */
const GIVE_BACK_MS = 60_000;
const U32_BYTES = 4;
const U64_BYTES = 8;

export class Pool {
  readonly bootNumber: number;
  readonly poolId: Buffer;
  readonly folder: NativeFolder;
  readonly slabBytes: number;
  readonly slabsTotal: number;
  readonly ordinalCapacity: number;
  readonly #native: NativePool;
  readonly #namespaces = new Map<number, BlockShape>();
  readonly #engines = new Map<number, BlockShape>();

  private constructor(native: NativePool) {
    this.#native = native;
    this.bootNumber = Number(native.bootNumber);
    this.poolId = native.poolId;
    this.folder = native.folder;
    this.slabBytes = native.slabBytes;
    this.slabsTotal = native.slabsTotal;
    this.ordinalCapacity = native.ordinalCapacity;
  }

  static create(options: PoolOptions): Pool {
    const { slabDir = '', group = '', slabBytes = 0, fillThreads = 0 } = options;
    const { allowAnyFilesystem = false, deferFill = false } = options;
    const { hugePages = false, numaNodes = [], numaRequired = false } = options;
    const native = callNative(() =>
      loadBinding().Pool.create({
        poolDir: options.poolDir,
        poolBytes: options.poolBytes,
        ...{ slabDir, group, slabBytes, fillThreads, allowAnyFilesystem, deferFill },
        ...{ hugePages, numaNodes: [...numaNodes], numaRequired },
      }),
    );
    return new Pool(native);
  }

  startFilling(): void {
    callNative(() => this.#native.startFilling());
  }

  /** Takes filled slabs and goes on with clean-up; the server's timer calls it. */
  poll(): void {
    callNative(() => this.#native.poll());
  }

  fillProgress(): NativeFillProgress {
    return callNative(() => this.#native.fillProgress());
  }

  /** What the slabs' memory is. */
  memory(): NativePoolMemory {
    return callNative(() => this.#native.memory());
  }

  /** Looks at up to `count` slab files; the ordinals retired because they were changed from outside. */
  checkSlabs(count: number): number[] {
    return callNative(() => this.#native.checkSlabs(count));
  }

  /** Finds or makes a namespace; its handle. */
  openNamespace(digest: Buffer, hashBytes: number, rankSlotBytes: number[]): number {
    const handle = callNative(() => this.#native.openNamespace(digest, hashBytes, rankSlotBytes));
    this.#namespaces.set(handle, { hashBytes, rankCount: rankSlotBytes.length });
    return handle;
  }

  addEngine(namespace: number): number {
    const handle = callNative(() => this.#native.addEngine(namespace));
    const shape = this.#namespaces.get(namespace);
    if (shape === undefined) {
      throw new PegaError('PEGA_INTERNAL', `namespace ${namespace} was not opened by this process`);
    }
    this.#engines.set(handle, shape);
    return handle;
  }

  /** The engine's processes are dead: its leases end, its new calls are refused. */
  endLeases(engine: number): Promise<void> {
    return untilDone(() => this.#native.endLeases(engine, this.#batchOf(engine)));
  }

  /** After endLeases, when no copy can run any more: its reservations end, and it is forgotten. */
  async endStores(engine: number): Promise<void> {
    await untilDone(() => this.#native.endStores(engine, this.#batchOf(engine)));
    this.#engines.delete(engine);
  }

  raiseWatermark(engine: number, watermark: number): void {
    callNative(() => this.#native.raiseWatermark(engine, toId(watermark)));
  }

  /** One byte a block, 1 where it is sealed. */
  async lookup(engine: number, hashes: Uint8Array): Promise<Buffer> {
    const { hashBytes } = this.#shapeOf(engine);
    const batch = this.#batchOf(engine);
    const batches = Math.max(1, Math.ceil(blocksIn(hashes, hashBytes) / batch));
    const parts: Buffer[] = [];
    // The last batch first: what is touched last is warmest, and a chain shall lose its end first.
    await inBatches(batches, 1, (done) => {
      const start = (batches - 1 - done) * batch;
      const cut = hashes.subarray(start * hashBytes, (start + batch) * hashBytes);
      parts.unshift(this.#native.lookup(engine, cut));
      return true;
    });
    return joinParts(parts);
  }

  /** Leases the longest sealed prefix of the hashes, at most blocksMax of them. */
  async lease(
    engine: number,
    leaseId: number,
    hashes: Uint8Array,
    blocksMax = Number.POSITIVE_INFINITY,
  ): Promise<LeaseAnswer> {
    const { hashBytes } = this.#shapeOf(engine);
    const count = Math.min(blocksIn(hashes, hashBytes), blocksMax);
    const id = toId(leaseId);
    const batch = this.#batchOf(engine);
    return leaseInBatches(this.#native, { engine, id, hashes, hashBytes, count, batch });
  }

  /** Ends the lease; of an id that is not known leaves a tombstone. */
  async release(engine: number, leaseId: number): Promise<void> {
    const id = toId(leaseId);
    await untilDone(() => this.#native.release(engine, id, this.#batchOf(engine)));
  }

  /** Reserves slots for the blocks of a chain that are neither sealed nor in flight. */
  async reserve(
    engine: number,
    reservationId: number,
    parentHash: Uint8Array,
    hashes: Uint8Array,
  ): Promise<ReserveAnswer> {
    const { hashBytes } = this.#shapeOf(engine);
    const count = blocksIn(hashes, hashBytes);
    const id = toId(reservationId);
    const batch = this.#batchOf(engine);
    const chain = { engine, id, parentHash, hashes, hashBytes, count, batch };
    return reserveInBatches(this.#native, chain);
  }

  /** Publishes blocks; how many this call sealed. All or nothing for each batch. */
  async seal(
    engine: number,
    reservationId: number,
    indices: Uint8Array,
    generations: Uint8Array,
  ): Promise<number> {
    const id = toId(reservationId);
    const generationBytes = this.#shapeOf(engine).rankCount * U64_BYTES;
    const count = Math.ceil(indices.length / U32_BYTES);
    if (generations.length !== count * generationBytes) {
      throw new PegaError(
        'PEGA_INVALID_ARGUMENT',
        `generations has ${generations.length} bytes; ${count} indices require ${count * generationBytes}`,
      );
    }
    let sealed = 0;
    await inBatches(count, this.#batchOf(engine), (start, end) => {
      sealed += this.#native.seal(
        engine,
        id,
        indices.subarray(start * U32_BYTES, end * U32_BYTES),
        generations.subarray(start * generationBytes, end * generationBytes),
      );
      return true;
    });
    return sealed;
  }

  /** Frees blocks that are not sealed; no indices: all of the reservation, which ends. */
  async abandon(engine: number, reservationId: number, indices?: Uint8Array): Promise<void> {
    const id = toId(reservationId);
    if (indices === undefined || indices.length === 0) {
      await untilDone(() => this.#native.abandonAll(engine, id, this.#batchOf(engine)));
      return;
    }
    const count = Math.ceil(indices.length / U32_BYTES);
    await inBatches(count, this.#batchOf(engine), (start, end) => {
      this.#native.abandon(engine, id, indices.subarray(start * U32_BYTES, end * U32_BYTES));
      return true;
    });
  }

  stats(): NativePoolStats {
    return callNative(() => this.#native.stats());
  }

  namespaces(): NativeNamespaceStats[] {
    return callNative(() => this.#native.namespaces());
  }

  engines(): NativeEngineStats[] {
    return callNative(() => this.#native.engines());
  }

  slabs(): NativeSlabStats[] {
    return callNative(() => this.#native.slabs());
  }

  /** Throws PEGA_INTERNAL with what is inconsistent. For tests: it walks everything. */
  checkInvariants(): void {
    callNative(() => this.#native.checkInvariants());
  }

  /**
   * Removes mark and slab files: an orderly stop. Slabs that the kernel hasn't taken back after
   * `giveBackMs` are closed and named: removing them is left to somebody who has the time. Again: no
   * effect.
   */
  close(giveBackMs = GIVE_BACK_MS): string[] {
    return callNative(() => this.#native.close(giveBackMs));
  }

  /** Of an engine that is not known the native call says so. */
  #batchOf(engine: number): number {
    return blocksPerBatch(this.#engines.get(engine)?.rankCount ?? 1);
  }

  #shapeOf(engine: number): BlockShape {
    const shape = this.#engines.get(engine);
    if (shape === undefined) {
      throw new PegaError('PEGA_NOT_FOUND', `no engine has handle ${engine}`);
    }
    return shape;
  }
}

function toId(id: number): bigint {
  if (!Number.isSafeInteger(id) || id < 0) {
    throw new PegaError(
      'PEGA_INVALID_ARGUMENT',
      `an id must be a whole number from 0 to ${Number.MAX_SAFE_INTEGER}; found ${id}`,
    );
  }
  return BigInt(id);
}

/** Blocks in packed hashes; a rest is left for the addon to refuse. */
function blocksIn(hashes: Uint8Array, hashBytes: number): number {
  return Math.ceil(hashes.length / hashBytes);
}

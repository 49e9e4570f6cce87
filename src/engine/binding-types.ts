// The exact shape of the addon (native/node), nothing friendlier. Only src/engine imports this.
//
// Native calls throw an Error whose `code` is a PEGA_… word of native/base/status.h. 64-bit numbers
// that can pass 2^53 (ids, boot numbers, addresses, generations) are bigint; counts and byte sizes are
// number. Buffers are copied in and out. All of it belongs to the JavaScript thread; calls marked
// Promise work on native threads.

import type { NativeGaugeOptions, NativeTransferGauge } from './binding-gauge.js';
import type {
  NativeCalibration,
  NativeCudaFacts,
  NativeSlabRoundTrip,
  NativeSlabRoundTripOptions,
} from './binding-types-cuda.js';

export interface NativeBinding {
  readonly version: string;
  readonly sharedLayoutVersion: number;
  Pool: { create(options: NativePoolOptions): NativePool };
  HoldView: {
    open(
      folder: NativeFolder,
      poolId: Buffer,
      engineId: Buffer,
      rankCount: number,
      pageCount: number,
    ): NativeHoldView;
  };
  removeDeadHoldFile(path: string): boolean;
  EngineMemory: { open(options: NativeEngineMemoryOptions): NativeEngineMemory };
  TransferEngine: { create(options: NativeTransferOptions): NativeTransferEngine };
  ReferenceModel: { create(options: NativeModelOptions): NativeReferenceModel };
  TransferGauge: { open(options: NativeGaugeOptions): Promise<NativeTransferGauge> };
  /** Multi-threaded copies between two private buffers, bytes/s. */
  measureMemcpy(threads: number, pieceBytes: number, seconds: number): Promise<number>;
  /** pwrite or pread on a nameless file in the folder, bytes/s. */
  measureFileCopy(
    folder: string,
    threads: number,
    pieceBytes: number,
    write: boolean,
    seconds: number,
  ): Promise<number>;
  measureFmaPeak(threads: number, seconds: number): Promise<number>;
  measureSgemm(threads: number, size: number, seconds: number): Promise<number>;
  fillRandom(bytes: number): Buffer;
  cudaFacts(): Promise<NativeCudaFacts>;
  /** From the GPU's file, else, or where `afresh`, measured and written. */
  calibrateGpu(gpu: number, afresh: boolean): Promise<NativeCalibration>;
  /** The memory can't be closed while it runs. */
  measureSlabRoundTrip(
    memory: NativeEngineMemory,
    options: NativeSlabRoundTripOptions,
  ): Promise<NativeSlabRoundTrip>;
}

export interface NativeFolder {
  path: string;
  slabPath: string;
}

export interface NativePoolOptions {
  poolDir: string;
  slabDir: string;
  group: string;
  poolBytes: number;
  /** 0: chosen from the pool's size. */
  slabBytes: number;
  /** 0: one for each core. */
  fillThreads: number;
  /** Ask a tmpfs for huge pages: only where it gives them. */
  hugePages: boolean;
  /** That the memory shall come from; empty: any. */
  numaNodes: number[];
  /** False: nodes that the kernel refuses are left out. */
  numaRequired: boolean;
  /** Tests on disk folders. */
  allowAnyFilesystem: boolean;
  /** True: no slab is filled before startFilling(). */
  deferFill: boolean;
}

/** Mirrors pega::Pool; native/pool/pool.h has the contracts. Budgets and batches: ≤ 1,024 blocks. */
export interface NativePool {
  readonly bootNumber: bigint;
  readonly poolId: Buffer;
  readonly folder: NativeFolder;
  readonly slabBytes: number;
  readonly slabsTotal: number;
  readonly ordinalCapacity: number;
  startFilling(): void;
  poll(): void;
  fillProgress(): NativeFillProgress;
  memory(): NativePoolMemory;
  checkSlabs(count: number): number[];
  openNamespace(digest: Buffer, hashBytes: number, rankSlotBytes: number[]): number;
  addEngine(namespace: number): number;
  endLeases(engine: number, budget: number): boolean;
  endStores(engine: number, budget: number): boolean;
  raiseWatermark(engine: number, watermark: bigint): void;
  /** One byte a block, 1 sealed. */
  lookup(engine: number, hashes: Uint8Array): Buffer;
  /** Slots packed as on the wire: hitBlocks × ranks × 8 bytes. */
  lease(
    engine: number,
    leaseId: bigint,
    first: boolean,
    hashes: Uint8Array,
  ): { hitBlocks: number; slots: Buffer };
  release(engine: number, leaseId: bigint, budget: number): boolean;
  /** outcomes: one byte a block; reserved: count × ranks × 16 bytes. */
  reserve(
    engine: number,
    reservationId: bigint,
    first: boolean,
    parentHash: Uint8Array,
    hashes: Uint8Array,
  ): { outcomes: Buffer; reserved: Buffer };
  /** indices u32 LE, generations u64 LE, packed as on the wire. */
  seal(engine: number, reservationId: bigint, indices: Uint8Array, generations: Uint8Array): number;
  abandon(engine: number, reservationId: bigint, indices: Uint8Array): void;
  abandonAll(engine: number, reservationId: bigint, budget: number): boolean;
  stats(): NativePoolStats;
  namespaces(): NativeNamespaceStats[];
  engines(): NativeEngineStats[];
  slabs(): NativeSlabStats[];
  /** Throws PEGA_INTERNAL with what is inconsistent. Tests only. */
  checkInvariants(): void;
  /** Paths of the slabs that were not given back in time. */
  close(giveBackMs: number): string[];
}

export interface NativeFillProgress {
  filledBytes: number;
  totalBytes: number;
  slabsReady: number;
  slabsTotal: number;
  error: { code: string; message: string } | null;
}

export interface NativePoolMemory {
  /** Of the first slab, once there is one. */
  pages: '4k' | 'huge-shmem' | 'hugetlb';
  numaNodes: number[];
}

export interface NativePoolStats {
  poolBytes: number;
  slabBytes: number;
  usedBytes: number;
  pinnedBytes: number;
  indexBytes: number;
  blocksReserved: number;
  blocksSealed: number;
  blocksPinned: number;
  leases: number;
  reservations: number;
  tombstones: number;
  slabsReady: number;
  slabsFree: number;
  slabsRetired: number;
  queriedTotal: number;
  hitTotal: number;
  reservedTotal: number;
  sealedTotal: number;
  abandonedTotal: number;
  evictedTotal: number;
  lostTotal: number;
  fullTotal: number;
}

export interface NativeNamespaceStats {
  handle: number;
  digest: Buffer;
  hashBytes: number;
  rankSlotBytes: number[];
  blocksReserved: number;
  blocksSealed: number;
  blocksPinned: number;
  usedBytes: number;
}

export interface NativeEngineStats {
  handle: number;
  namespace: number;
  leases: number;
  reservations: number;
  heldBytes: number;
}

export interface NativeSlabStats {
  ordinal: number;
  state: 'free' | 'cut' | 'draining' | 'retired';
  namespace: number;
  slotBytes: number;
  slots: number;
  slotsUsed: number;
  longestFreeRun: number;
}

/** The server's look at an engine's hold file (native/shared/hold_view.h). */
export interface NativeHoldView {
  proves(record: number, nonce: Buffer): boolean;
  alive(record: number): boolean;
  anyAlive(): boolean;
  heldPages(): number;
  slabsReady(record: number): number;
  removeIfDead(): boolean;
}

export interface NativeEngineMemoryOptions {
  folder: NativeFolder;
  poolId: Buffer;
  engineId: Buffer;
  nonce: Buffer;
  /** 0 scheduler, 1 + rank worker. */
  record: number;
  rankCount: number;
  slabBytes: number;
  ordinalCapacity: number;
  bootNumber: bigint;
}

/** An engine process's view of the pool: header, its hold file, the slabs of one boot. */
export interface NativeEngineMemory {
  /** The header's boot number now; 0n when the header was removed. */
  bootNumber(): bigint;
  slabCount(): number;
  /** Takes a use of each packed slot (8 bytes each). Throws PEGA_STALE_BOOT, nothing taken then. */
  hold(slots: Uint8Array, slotBytes: number): void;
  drop(slots: Uint8Array, slotBytes: number): void;
  heldPages(): number;
  reportReady(slabsReady: number, syncLoads: boolean): void;
  allRanksSync(): boolean;
  /** Opens every slab that is published; the number that can be reached. */
  openSlabs(): number;
  /** Lets go of slabs and header, and of the hold file's lock. Transfer engines must be closed first. */
  close(): void;
}

export interface NativeTransferOptions {
  memory: NativeEngineMemory;
  /**
   * Memory by address, or a Uint8Array's. The engine keeps this array and all that it reaches alive;
   * a Uint8Array in it must not be transferred away.
   */
  allocations: ({ address: bigint; bytes: number } | Uint8Array)[];
  segments: {
    layer: number;
    allocation: number;
    offsetBytes: number;
    blockStrideBytes: number;
    bytes: number;
  }[];
  blockCount: number;
  /** 0: one for each core. */
  threads: number;
}

export type NativeJobKind = 'load-sync' | 'load-async' | 'store';

export interface NativeTransferEngine {
  readonly slotBytes: number;
  readonly layerCount: number;
  /** deviceBlocks[i] ↔ slots[i] (8 bytes each). groupEnds: see JobSpec; empty is one group. */
  submit(
    kind: NativeJobKind,
    deviceBlocks: Uint32Array,
    slots: Uint8Array,
    groupEnds: number[],
  ): NativeJob;
  stats(): NativeTransferStats;
  /** Resolves when nothing is in flight; later jobs fail with PEGA_CANCELLED. */
  close(): Promise<void>;
}

export interface NativeJob {
  readonly groups: number;
  /** Resolves at the end of the group, rejects with the job's failure. */
  group(index: number): Promise<void>;
  done(): Promise<void>;
}

export interface NativeTransferStats {
  loadBytesTotal: number;
  storeBytesTotal: number;
  loadJobsTotal: number;
  storeJobsTotal: number;
  failedJobsTotal: number;
  loadBusySecondsTotal: number;
  storeBusySecondsTotal: number;
  jobsNow: number;
}

export interface NativeModelShape {
  layers: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  ffn: number;
  vocab: number;
  blockTokens: number;
  context: number;
}

export interface NativeModelOptions {
  shape: NativeModelShape;
  seed: number;
  blockCount: number;
  /** 0: one for each core. */
  threads: number;
}

export interface NativeReferenceModel {
  forward(chunks: NativeSequenceChunk[]): Promise<Int32Array>;
  kv(): { address: bigint; bytes: number }[];
  readonly kvBlockBytes: number;
  /** 16 hex digits. */
  readonly weightsDigest: string;
  flopsAt(position: number): number;
}

export interface NativeSequenceChunk {
  tokens: Int32Array;
  position: number;
  blockTable: Uint32Array;
  sample: boolean;
}

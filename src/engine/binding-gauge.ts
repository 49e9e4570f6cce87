// The addon's TransferGauge (native/gauge, native/node/gauge_wrap.h): what it is given and answers.
// Only src/engine imports this.

export interface NativeGaugeOptions {
  gpu: number;
  poolDir: string;
  /** Empty: slabs lie in poolDir. */
  slabDir: string;
  /** Ask a tmpfs for huge pages: only where it gives them. */
  hugePages: boolean;
  /** That slabs shall lie on; those that the kernel refuses are left out. */
  numaNodes: number[];
  slabBytes: number;
  /** Memory of the long copies that measure the link. */
  linkBytes: number;
  /** Rows and columns of the matrix product, a multiple of 128. */
  productSize: number;
  /** About how long rows of jobs run where several are needed. */
  rowSeconds: number;
  /** That write and check patterns; 0: one for each core. */
  threads: number;
}

export type NativeBlockOrder = 'run' | 'runs16' | 'shuffled';

export interface NativeScenario {
  direction: 'load' | 'store' | 'both';
  /** Of loads. */
  synchronous: boolean;
  segmentBytes: number;
  layers: number;
  slots: number;
  plan: 'auto' | 'direct' | 'staged';
  deviceOrder: NativeBlockOrder;
  hostOrder: NativeBlockOrder;
  /** Of loads; 0: all in one group. */
  layersPerGroup: number;
  /** Fewer groups where a synchronous load would make too many driver calls. */
  fitGroups: boolean;
  repeats: number;
  seed: number;
  verify: boolean;
  /** Beside a matrix product; not with direction 'both'. */
  besideProduct: boolean;
}

/** Bytes a second; 0 where the driver gave no memory for it. */
export interface NativeLinkRates {
  toDevice: number;
  toHost: number;
  both: number;
  oneCopyToDevice: number;
  oneCopyToHost: number;
}

export interface NativeJobSample {
  seconds: number;
  submitSeconds: number;
  cpuSeconds: number;
  submitDriverCalls: number;
  driverCalls: number;
  stagedBytes: number;
  directBytes: number;
  linkBytesPerSecond: number;
}

/** Bytes a second. */
export interface NativeBothSample {
  loadAlone: number;
  storeAlone: number;
  load: number;
  store: number;
  linkBoth: number;
}

export interface NativeProductSample {
  aloneSeconds: number;
  besideSeconds: number;
  /** Share of the product's time in which copies ran beside it. */
  covered: number;
  copyBytesPerSecond: number;
  linkBytesPerSecond: number;
}

export interface NativeMeasurement {
  jobBytes: number;
  /** Of loads; 0: a store. */
  groups: number;
  checkedJobs: number;
  wrongSegments: number;
  /** Empty: none. */
  firstWrong: string;
  /** Until all slabs were registered. */
  pinSeconds: number;
  pinnedBytes: number;
  stagingBytes: number;
  deviceBytes: number;
  calibration: string;
  slabPages: '4k' | 'huge-shmem' | 'hugetlb';
  /** 0: no product was measured yet. */
  productTeraFlops: number;
  jobs: NativeJobSample[];
  both: NativeBothSample[];
  product: NativeProductSample[];
}

/** Seconds, each of one job of one block. */
export interface NativeLatencySamples {
  blockBytes: number;
  spinning: number[];
  waiting: number[];
}

/** One call at a time. */
export interface NativeTransferGauge {
  measureLink(): Promise<NativeLinkRates>;
  measure(scenario: NativeScenario): Promise<NativeMeasurement>;
  measureLatency(scenario: NativeScenario, count: number): Promise<NativeLatencySamples>;
  /** The call that runs, and every later one, ends with PEGA_CANCELLED. */
  cancel(): void;
  /** Not while a call runs. */
  close(): Promise<void>;
}

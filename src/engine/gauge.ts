// TransferGauge: measures the copies of one GPU between blocks and slots of slab files of its own.
// native/gauge/transfer_gauge.h has what is measured and how. Nothing is left behind in the folder.
import { loadBinding } from './binding.js';
import type {
  NativeGaugeOptions,
  NativeLatencySamples,
  NativeLinkRates,
  NativeMeasurement,
  NativeScenario,
  NativeTransferGauge,
} from './binding-gauge.js';
import { awaitNative, callNative } from './native-call.js';

export type {
  NativeBlockOrder as BlockOrder,
  NativeBothSample as BothSample,
  NativeGaugeOptions as GaugeOptions,
  NativeJobSample as JobSample,
  NativeLatencySamples as LatencySamples,
  NativeLinkRates as LinkRates,
  NativeMeasurement as Measurement,
  NativeProductSample as ProductSample,
  NativeScenario as Scenario,
} from './binding-gauge.js';

export class TransferGauge {
  readonly #native: NativeTransferGauge;

  private constructor(native: NativeTransferGauge) {
    this.#native = native;
  }

  /** PEGA_UNSUPPORTED: no driver or GPU; PEGA_NO_SPACE; PEGA_DEVICE; the folder's errors. */
  static async open(options: NativeGaugeOptions): Promise<TransferGauge> {
    return new TransferGauge(await awaitNative(() => loadBinding().TransferGauge.open(options)));
  }

  /** Long copies, the best of a few. */
  measureLink(): Promise<NativeLinkRates> {
    return awaitNative(() => this.#native.measureLink());
  }

  /** Wrong bytes are part of the answer, no error. */
  measure(scenario: NativeScenario): Promise<NativeMeasurement> {
    return awaitNative(() => this.#native.measure(scenario));
  }

  /** Jobs of one block of that kind, `count` for each way to see their end. */
  measureLatency(scenario: NativeScenario, count: number): Promise<NativeLatencySamples> {
    return awaitNative(() => this.#native.measureLatency(scenario, count));
  }

  /** Ends the call that runs, within a repeat, with PEGA_CANCELLED. */
  cancel(): void {
    callNative(() => this.#native.cancel());
  }

  /** Gives all memory back. Not while a call runs. */
  close(): Promise<void> {
    return awaitNative(() => this.#native.close());
  }
}

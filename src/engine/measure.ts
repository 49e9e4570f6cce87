// What this machine can do, measured natively beside our own figures; and bytes to move.
import { loadBinding } from './binding.js';
import { awaitNative, callNative } from './native-call.js';

/** Copies between private buffers by several threads, bytes/s. */
export function measureMemcpy(
  threads: number,
  pieceBytes: number,
  seconds: number,
): Promise<number> {
  return awaitNative(() => loadBinding().measureMemcpy(threads, pieceBytes, seconds));
}

/** pwrite or pread by several threads on a nameless file in `folder`: what the kernel's path allows, bytes/s. */
export function measureFileCopy(
  folder: string,
  threads: number,
  pieceBytes: number,
  write: boolean,
  seconds: number,
): Promise<number> {
  return awaitNative(() =>
    loadBinding().measureFileCopy(folder, threads, pieceBytes, write, seconds),
  );
}

/** Register-resident fused multiply-adds, FLOP/s. */
export function measureFmaPeak(threads: number, seconds: number): Promise<number> {
  return awaitNative(() => loadBinding().measureFmaPeak(threads, seconds));
}

/** The reference model's matrix kernel on a square product, FLOP/s. */
export function measureSgemm(threads: number, size: number, seconds: number): Promise<number> {
  return awaitNative(() => loadBinding().measureSgemm(threads, size, seconds));
}

/** Bytes that don't compress. */
export function randomBytesFast(bytes: number): Buffer {
  return callNative(() => loadBinding().fillRandom(bytes));
}

/** The addon's versions, as Register needs them. */
export function engineVersions(): { version: string; sharedLayoutVersion: number } {
  const { version, sharedLayoutVersion } = loadBinding();
  return { version, sharedLayoutVersion };
}

// The bounds of the wire and of a pool; native/base/limits.h has the same numbers and test/limits.test.ts compares.

export const LIMITS = {
  slabBytesMin: 16 * 1024 ** 2,
  slabBytesMax: 1024 ** 3,
  slabOrdinalsMax: 8192,
  ranksMax: 64,
  layersMax: 1024,
  hashBytesMin: 8,
  hashBytesMax: 32,
  digestBytes: 32,
  engineIdBytes: 16,
  nonceBytes: 16,
  poolIdBytes: 16,
  hashesPerCallMax: 131_072,
  /** Native work between two turns of the event loop. */
  hashesPerBatch: 1024,
  messageBytesMax: 8 * 1024 * 1024,
  leasesPerReleaseMax: 4096,
  identityFieldsMax: 64,
  identityKeyCharsMax: 64,
  identityValueCharsMax: 512,
  decisionsPerReportMax: 256,
} as const;

/** Slots of 8 bytes on the wire; reserved slots of 16 (slot, generation). */
export const SLOT_BYTES_ON_WIRE = 8;
export const RESERVED_BYTES_ON_WIRE = 16;

export const PAGE_BYTES = 4096;
export const PROTOCOL_VERSION = 1;

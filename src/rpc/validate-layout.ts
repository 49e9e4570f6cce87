// A worker's layout as Register names it: blocks, layers, segments, and that they multiply out.
//
// The worker's own transfer engine checks addresses; here nobody can know them. One rule is stricter
// than there: segments whose ranges meet in one allocation must have one stride.

import { PegaError } from '../errors.js';
import { LIMITS } from '../limits.js';
import type { Layout, LayoutSegment } from './messages.js';

const BLOCKS_MAX = 2 ** 32;
const SEGMENTS_PER_LAYER_MAX = 8;
const SEGMENTS_MAX = LIMITS.layersMax * SEGMENTS_PER_LAYER_MAX;
const SAFE_MAX = Number.MAX_SAFE_INTEGER;

/** Throws PEGA_INVALID_ARGUMENT. `slotBytes` is what the identity says for this rank. */
export function checkLayout(layout: Layout, slotBytes: number, rank: number): void {
  require(Number.isSafeInteger(layout.blockCount) &&
    layout.blockCount >= 1 &&
    layout.blockCount <=
      BLOCKS_MAX, `layout.block_count is ${wholeNumber(layout.blockCount)}; required is 1 to ${BLOCKS_MAX}`);
  require(layout.allocations.length > 0, 'layout has no allocations; required is at least one');
  require(layout.allocations.length <=
    SEGMENTS_MAX, `layout has ${layout.allocations.length} allocations; at most ${SEGMENTS_MAX}, one for each segment, are allowed`);
  for (const [index, { bytes }] of layout.allocations.entries()) {
    require(Number.isSafeInteger(bytes) &&
      bytes >=
        1, `layout.allocations[${index}] has ${wholeNumber(bytes)} bytes; required is 1 to ${SAFE_MAX}`);
  }
  checkLayerOrder(layout.segments);
  let sum = 0;
  for (const [index, segment] of layout.segments.entries()) {
    checkSegment(`layout.segments[${index}]`, segment, layout);
    sum += segment.bytes;
  }
  require(sum ===
    slotBytes, `the segments of one block add up to ${sum} bytes; identity.rank_slot_bytes[${rank}] says ${slotBytes}`);
  checkOverlaps(layout);
}

/** All digits of a number beyond 2^53: what was found is shown as it was sent. */
export function wholeNumber(value: number): bigint | number {
  return Number.isInteger(value) ? BigInt(value) : value;
}

function require(holds: boolean, message: string): void {
  if (!holds) {
    throw new PegaError('PEGA_INVALID_ARGUMENT', message);
  }
}

function checkLayerOrder(segments: LayoutSegment[]): void {
  require(segments.length > 0, 'layout has no segments; required is at least one layer');
  let layer = 0;
  let inLayer = 0;
  for (const [index, segment] of segments.entries()) {
    const starts = index > 0 && segment.layer === layer + 1;
    require(starts ||
      segment.layer ===
        layer, `layout.segments[${index}] is of layer ${segment.layer} after layer ${layer}; required are layers 0, 1, 2 … in order`);
    layer = segment.layer;
    inLayer = starts ? 1 : inLayer + 1;
    require(layer < LIMITS.layersMax &&
      inLayer <=
        SEGMENTS_PER_LAYER_MAX, `layout.segments[${index}] is segment ${inLayer} of layer ${layer}; at most ${LIMITS.layersMax} layers of ${SEGMENTS_PER_LAYER_MAX} segments are allowed`);
  }
}

function checkSegment(name: string, segment: LayoutSegment, layout: Layout): void {
  const { allocation, offsetBytes, blockStrideBytes, bytes } = segment;
  const room = layout.allocations[allocation]?.bytes;
  if (room === undefined) {
    throw new PegaError(
      'PEGA_INVALID_ARGUMENT',
      `${name} names allocation ${allocation}; there are ${layout.allocations.length}`,
    );
  }
  require(Number.isSafeInteger(bytes) &&
    bytes >= 1, `${name} has ${bytes} bytes; required is at least 1`);
  require(layout.blockCount === 1 ||
    blockStrideBytes >=
      bytes, `${name} overlaps itself: its stride of ${blockStrideBytes} bytes is below its ${bytes} bytes`);
  // Doubles round beyond 2^53, but never down to a sum that would fit: room is below 2^53.
  const end = offsetBytes + (layout.blockCount - 1) * blockStrideBytes + bytes;
  require(end <=
    room, `${name} does not multiply out: offset + ${layout.blockCount - 1} × stride + bytes is ${wholeNumber(end)}, allocation ${allocation} has ${room} bytes`);
}

/** Sorted by start, only segments whose whole ranges meet are compared. */
function checkOverlaps(layout: Layout): void {
  const order = layout.segments.map((segment, index) => ({ segment, index }));
  order.sort(
    (a, b) =>
      a.segment.allocation - b.segment.allocation || a.segment.offsetBytes - b.segment.offsetBytes,
  );
  for (const [at, first] of order.entries()) {
    const { allocation, offsetBytes, blockStrideBytes, bytes } = first.segment;
    const end = offsetBytes + (layout.blockCount - 1) * blockStrideBytes + bytes;
    for (let next = at + 1; next < order.length; next += 1) {
      const second = order[next];
      if (second?.segment.allocation !== allocation || second.segment.offsetBytes >= end) {
        break;
      }
      // The sentence only where it is needed: layers that interleave make millions of pairs.
      if (overlap(first.segment, second.segment, layout.blockCount)) {
        throw new PegaError(
          'PEGA_INVALID_ARGUMENT',
          `layout.segments[${first.index}] and [${second.index}] overlap in allocation ${allocation}, or meet there with different strides`,
        );
      }
    }
  }
}

/** REQUIRES: one allocation, `first` starts no later than `second`, and their ranges meet. */
function overlap(first: LayoutSegment, second: LayoutSegment, blockCount: number): boolean {
  const apart = second.offsetBytes - first.offsetBytes;
  if (blockCount === 1) {
    return apart < first.bytes;
  }
  const stride = first.blockStrideBytes;
  if (second.blockStrideBytes !== stride) {
    return true;
  }
  // Block 0 of `second` lies between blocks `before` and `before + 1` of `first`, or beyond the last.
  const before = Math.floor(apart / stride);
  const into = apart % stride;
  return into < first.bytes || (before + 1 < blockCount && stride - into < second.bytes);
}

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

interface Ranged {
  index: number;
  segment: LayoutSegment;
  /** Behind the last block's bytes. */
  end: number;
}

/** n log n: layers that interleave make as many pairs of ranges that meet as there are pairs. */
function checkOverlaps(layout: Layout): void {
  const order = layout.segments.map((segment, index): Ranged => {
    const { offsetBytes, blockStrideBytes, bytes } = segment;
    return {
      index,
      segment,
      end: offsetBytes + (layout.blockCount - 1) * blockStrideBytes + bytes,
    };
  });
  order.sort(
    (a, b) =>
      a.segment.allocation - b.segment.allocation || a.segment.offsetBytes - b.segment.offsetBytes,
  );
  let meeting = new MeetingRanges();
  let last: Ranged | undefined;
  for (const range of order) {
    const apart =
      last === undefined ||
      last.segment.allocation !== range.segment.allocation ||
      last.end <= range.segment.offsetBytes;
    if (apart) {
      meeting = new MeetingRanges();
    }
    const other = apart ? undefined : meeting.conflict(range, layout.blockCount === 1);
    if (other !== undefined) {
      throw new PegaError(
        'PEGA_INVALID_ARGUMENT',
        `layout.segments[${other.index}] and [${range.index}] overlap in allocation ${range.segment.allocation}, or meet there with different strides`,
      );
    }
    meeting.add(range);
    last = apart || last === undefined || range.end > last.end ? range : last;
  }
}

/**
 * Segments of one stride whose ranges meet, in order of where they lie within a stride. Two such
 * segments overlap exactly when their places within the stride do, round the end too; so only
 * neighbours need to be looked at.
 */
class MeetingRanges {
  readonly #byPlace: Ranged[] = [];

  /** REQUIRES: ranges come in order of their start, and one that was added still meets this one. */
  conflict(range: Ranged, oneBlock: boolean): Ranged | undefined {
    const { offsetBytes, blockStrideBytes: stride, bytes } = range.segment;
    const below = this.#neighbour(range, -1);
    const above = this.#neighbour(range, 0);
    if (oneBlock || below === undefined || above === undefined) {
      return below ?? above;
    }
    if (below.segment.blockStrideBytes !== stride) {
      return below;
    }
    const forward = (from: LayoutSegment, to: number): number =>
      (((to - from.offsetBytes) % stride) + stride) % stride;
    if (forward(below.segment, offsetBytes) < below.segment.bytes) {
      return below;
    }
    return forward(range.segment, above.segment.offsetBytes) < bytes ? above : undefined;
  }

  add(range: Ranged): void {
    this.#byPlace.splice(this.#position(range), 0, range);
  }

  /** The next one down (−1) or up (0) within the stride, round the end; ranges that ended go. */
  #neighbour(range: Ranged, step: -1 | 0): Ranged | undefined {
    while (this.#byPlace.length > 0) {
      const count = this.#byPlace.length;
      const at = (this.#position(range) + step + count) % count;
      const found = this.#byPlace[at];
      if (found === undefined || found.end > range.segment.offsetBytes) {
        return found;
      }
      this.#byPlace.splice(at, 1);
    }
    return undefined;
  }

  #position({ segment }: Ranged): number {
    const place = segment.offsetBytes % segment.blockStrideBytes;
    let low = 0;
    let high = this.#byPlace.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#byPlace[middle]?.segment;
      if (other !== undefined && other.offsetBytes % other.blockStrideBytes < place) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }
}

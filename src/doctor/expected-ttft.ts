// How long the link needs for a prompt's KV, for some models: the link's part of a warm TTFT. Pure.
//
// An estimate: KV bytes ÷ the rate that was measured. It knows nothing of the engine; what that needs for
// a hit in its own cache comes on top, and layers computed under the copy take some of it away.
import { renderTable } from '../tables.js';
import { formatGigabytes } from './copy-findings.js';

export interface ModelShape {
  name: string;
  layers: number;
  kvHeads: number;
  headDim: number;
  /** Ranks among which the heads are divided; each rank has a link of its own. */
  tensorParallel: readonly number[];
}

export const MODEL_SHAPES: readonly ModelShape[] = [
  { name: 'llama-3.1-8b', layers: 32, kvHeads: 8, headDim: 128, tensorParallel: [1] },
  { name: 'llama-3.1-70b', layers: 80, kvHeads: 8, headDim: 128, tensorParallel: [4, 8] },
  { name: 'qwen3-8b', layers: 36, kvHeads: 8, headDim: 128, tensorParallel: [1] },
  { name: 'qwen3-32b', layers: 64, kvHeads: 8, headDim: 128, tensorParallel: [1] },
];

/** bf16; both K and V are kept. */
const ELEMENT_BYTES = 2;
const TOKENS = [1000, 10_000, 30_000, 100_000] as const;

export interface ExpectedTtft {
  loadBytesPerSecond: number;
  /** Where that was measured; null: the host device. */
  gpuOrdinal: number | null;
  rows: ExpectedRow[];
}

export interface ExpectedRow {
  model: string;
  tensorParallel: number;
  /** Of one rank. */
  kvBytesPerToken: number;
  load: { tokens: number; ms: number }[];
}

export function kvBytesPerToken({ layers, kvHeads, headDim }: ModelShape): number {
  return layers * kvHeads * headDim * 2 * ELEMENT_BYTES;
}

/** @param ownBytes KV bytes of a token of a model that is not in the list. */
export function expectedRows(
  names: readonly string[],
  ownBytes: number | undefined,
  bytesPerSecond: number,
): ExpectedRow[] {
  const rows = MODEL_SHAPES.filter(({ name }) => names.includes(name)).flatMap((shape) =>
    shape.tensorParallel.map((ranks) => ({
      model: shape.name,
      ranks,
      bytes: kvBytesPerToken(shape) / ranks,
    })),
  );
  const own =
    ownBytes === undefined ? [] : [{ model: '--kv-bytes-per-token', ranks: 1, bytes: ownBytes }];
  return [...rows, ...own].map(({ model, ranks, bytes }) => ({
    model,
    tensorParallel: ranks,
    kvBytesPerToken: bytes,
    load: TOKENS.map((tokens) => ({ tokens, ms: ((tokens * bytes) / bytesPerSecond) * 1000 })),
  }));
}

export function renderExpected(rows: readonly ExpectedRow[]): string {
  const head = ['model', 'KV/token', ...TOKENS.map((tokens) => tokens.toLocaleString('en-US'))];
  return renderTable(
    head,
    rows.map(({ model, tensorParallel: ranks, kvBytesPerToken: bytes, load }) => [
      ranks === 1 ? model : `${model}, TP ${ranks}`,
      `${Math.round(bytes / 1024)} KiB`,
      ...load.map(({ ms }) => formatMs(ms)),
    ]),
    'right',
  );
}

/** What the table is, and what it is not. */
export function explainExpected({ loadBytesPerSecond, gpuOrdinal }: ExpectedTtft): string {
  const place =
    gpuOrdinal === null ? 'by the processor, for want of a GPU' : `on GPU ${gpuOrdinal}`;
  return `Estimate of the link's part of a warm TTFT, by prompt tokens: tokens × KV bytes a token (layers × KV heads × head size × 2 × 2 bytes, bf16; with TP of one rank) ÷ ${formatGigabytes(loadBytesPerSecond)}, the load measured above ${place}. It comes on top of what the engine needs for a hit in its own cache, less the layers that it computes while later ones are on the link. \`pega bench ttft\` measures the whole.`;
}

function formatMs(ms: number): string {
  return ms >= 1000
    ? `${(ms / 1000).toFixed(2)} s`
    : `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}

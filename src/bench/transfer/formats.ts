// Figures of a transfer result as people read them, in table and page alike.
import type { ScenarioResult, Spread, TransferResult } from './result.js';

export function formatRate(bytesPerSecond: number): string {
  return `${gigabytes(bytesPerSecond)} GB/s`;
}

/** Of 10⁹ bytes. */
export function gigabytes(bytesPerSecond: number): string {
  return (bytesPerSecond / 1e9).toFixed(bytesPerSecond < 1e9 ? 3 : 1);
}

export function formatShare(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

export function formatSpread({ min, max }: Spread): string {
  return `${gigabytes(min)}–${gigabytes(max)}`;
}

/** "8K", "64K", "2M": short, for tables. */
export function shortBytes(bytes: number): string {
  const units = ['', 'K', 'M', 'G'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${Number.isInteger(value) ? value : value.toFixed(1)}${units[unit]}`;
}

export function formatMs(spread: Spread | null): string {
  return spread === null ? '' : spread.median.toFixed(2);
}

export function formatCount(count: number | null): string {
  return count === null ? '' : String(Math.round(count));
}

export function verdictOn({ verified, wrong_segments }: ScenarioResult): string {
  return verified === null ? 'unchecked' : verified ? 'right' : `WRONG (${wrong_segments})`;
}

export function pagesText(pages: NonNullable<TransferResult['machine']['slab_pages']>): string {
  return {
    '4k': '4 KiB pages',
    'huge-shmem': 'huge pages of tmpfs',
    hugetlb: 'huge pages of hugetlbfs',
  }[pages];
}

// How inspect's tables write ids, counts, shares and times.

export type Row = string[];

/** The first 12 digits tell ids apart; JSON has all of them. */
export function shortId(hex: string): string {
  return hex.slice(0, 12);
}

export function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}

export function formatShare(part: number, whole: number): string {
  return whole === 0 ? '–' : `${((100 * part) / whole).toFixed(1)} %`;
}

export function formatSeconds(seconds: number): string {
  const whole = Math.floor(seconds);
  const parts = [
    [Math.floor(whole / 86_400), 'd'],
    [Math.floor(whole / 3600) % 24, 'h'],
    [Math.floor(whole / 60) % 60, 'min'],
    [whole % 60, 's'],
  ] as const;
  const shown = parts.filter(([count]) => count > 0).slice(0, 2);
  return shown.length === 0 ? '0 s' : shown.map(([count, unit]) => `${count} ${unit}`).join(' ');
}

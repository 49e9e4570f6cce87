// All figures of a GPU's scenarios as the page's table.
import {
  formatCount,
  formatMs,
  formatShare,
  formatSpread,
  gigabytes,
  shortBytes,
  verdictOn,
} from './formats.js';
import { escapeHtml } from './page-text.js';
import type { DirectionShare, ScenarioResult } from './result.js';
import { copyName } from './scenarios.js';

/** Words to the left. */
const TEXT_COLUMNS = new Set([0, 4, 5, 16]);
const HEAD = [
  ...['copy', 'piece', 'layers', 'blocks', 'GPU/host', 'plan', 'groups', 'GB/s', 'min–max'],
  ...['of the link', 'of alone', 'staged', 'calls', 'submit ms', 'CPU ms', 'product', 'bytes'],
];

export function renderScenarioTable(scenarios: readonly ScenarioResult[]): string {
  const head = HEAD.map((name, i) => `<th${classOf(i)}>${escapeHtml(name)}</th>`).join('');
  const body = scenarios.flatMap((scenario) => [
    row(cellsOf(scenario), '', scenario.verified === false),
    ...partRow('loads', scenario.load),
    ...partRow('stores', scenario.store),
  ]);
  return `<table><thead><tr>${head}</tr></thead><tbody>${body.join('\n')}</tbody></table>`;
}

function cellsOf(scenario: ScenarioResult): string[] {
  const { direction, kind, staged_share: staged, product_slowdown: slowdown } = scenario;
  const calls =
    scenario.driver_calls === null
      ? ''
      : `${formatCount(scenario.submit_driver_calls)} / ${formatCount(scenario.driver_calls)}`;
  return [
    `${copyName({ direction, synchronous: kind === 'sync' })}${scenario.beside_product ? ' + product' : ''}`,
    shortBytes(scenario.segment_bytes),
    String(scenario.layers),
    String(scenario.slots),
    `${scenario.device_order}/${scenario.host_order}`,
    scenario.plan,
    formatCount(scenario.groups),
    gigabytes(scenario.bytes_per_s.median),
    formatSpread(scenario.bytes_per_s),
    formatShare(scenario.link_share.median),
    '',
    staged === null ? '' : formatShare(staged),
    calls,
    formatMs(scenario.submit_ms),
    formatMs(scenario.cpu_ms),
    slowdown === null ? '' : `${slowdown.median < 0 ? '' : '+'}${formatShare(slowdown.median)}`,
    verdictOn(scenario),
  ];
}

function partRow(name: string, share: DirectionShare | null): string[] {
  if (share === null) {
    return [];
  }
  const cells = HEAD.map(() => '');
  cells[0] = name;
  cells[7] = gigabytes(share.bytes_per_s.median);
  cells[8] = formatSpread(share.bytes_per_s);
  cells[10] = formatShare(share.share_of_alone.median);
  return [row(cells, ' class="part"', false)];
}

function row(cells: readonly string[], attributes: string, wrong: boolean): string {
  const last = cells.length - 1;
  const rendered = cells.map((cell, i) => {
    const kind = wrong && i === last ? ' class="wrong"' : classOf(i);
    return `<td${kind}>${escapeHtml(cell)}</td>`;
  });
  return `<tr${attributes}>${rendered.join('')}</tr>`;
}

function classOf(column: number): string {
  return TEXT_COLUMNS.has(column) ? ' class="left"' : '';
}

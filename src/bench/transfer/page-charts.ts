// Bars of each scenario's share of the link, grouped by what was copied and in which pieces.
import { formatBytes } from '../../units.js';
import { formatShare, gigabytes, verdictOn } from './formats.js';
import { escapeHtml } from './page-text.js';
import type { ScenarioResult } from './result.js';
import { copyName } from './scenarios.js';

/** The scale ends a little above the link: a copy's rate can pass that of the long copy before it. */
const SCALE_END = 1.05;

export function renderCharts(scenarios: readonly ScenarioResult[]): string {
  const shapes = [...groupBy(scenarios, shapeOf)].map(([shape, members]) => {
    const charts = [...groupBy(members, titleOf)].map(([title, bars]) => renderChart(title, bars));
    return `<h3>${escapeHtml(shape)}</h3>\n<div class="charts">${charts.join('\n')}</div>`;
  });
  return [
    '<p class="legend">Share of a long copy’s rate, measured just before each repeat (dashed: all of it). Bar: median; line: least to greatest. Names: order of blocks on the GPU / of slots on the host, and the plan.</p>',
    ...shapes,
  ].join('\n');
}

function groupBy(
  scenarios: readonly ScenarioResult[],
  keyOf: (scenario: ScenarioResult) => string,
): Map<string, ScenarioResult[]> {
  const groups = new Map<string, ScenarioResult[]>();
  for (const scenario of scenarios) {
    const key = keyOf(scenario);
    groups.set(key, [...(groups.get(key) ?? []), scenario]);
  }
  return groups;
}

function shapeOf({ segment_bytes, layers, slots }: ScenarioResult): string {
  return `Pieces of ${formatBytes(segment_bytes)}: ${layers} layers × ${slots} blocks`;
}

function titleOf({ direction, kind, beside_product }: ScenarioResult): string {
  const name = copyName({ direction, synchronous: kind === 'sync' });
  return `${name}${beside_product ? ' beside a matrix product' : ''}`;
}

function renderChart(title: string, members: readonly ScenarioResult[]): string {
  return [
    `<div class="chart ${members[0]?.direction ?? 'load'}">`,
    `<h4>${escapeHtml(title)}</h4>`,
    ...members.map(renderBar),
    '</div>',
  ].join('\n');
}

function renderBar(scenario: ScenarioResult): string {
  const { link_share: share, product_slowdown: slowdown } = scenario;
  const name = `${scenario.device_order}/${scenario.host_order}, ${scenario.plan}`;
  const slowed = slowdown === null ? '' : `, product ${formatShare(slowdown.median)} slower`;
  const said = `${name}: ${formatShare(share.median)} of the link, from ${formatShare(share.min)} to ${formatShare(share.max)}${slowed}; bytes: ${verdictOn(scenario)}`;
  return [
    `<div class="bar${scenario.verified === false ? ' wrong' : ''}" title="${escapeHtml(said)}">`,
    `<span class="name">${escapeHtml(name)}</span>`,
    `<span class="track"><span class="fill" style="width:${percent(share.median)}"></span>`,
    `<span class="spread" style="left:${percent(share.min)};width:${percent(share.max - share.min)}"></span>`,
    `<span class="full" style="left:${percent(1)}"></span></span>`,
    `<span class="value">${formatShare(share.median)}</span>`,
    `<span class="rate">${slowdown === null ? `${gigabytes(scenario.bytes_per_s.median)} GB/s` : `product ${slowdown.median < 0 ? '' : '+'}${formatShare(slowdown.median)}`}</span>`,
    '</div>',
  ].join('');
}

/** Of the track's width. */
function percent(share: number): string {
  const shown = Math.min(Math.max(share, 0), SCALE_END) / SCALE_END;
  return `${(shown * 100).toFixed(2)}%`;
}

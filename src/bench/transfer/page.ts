// The result of `pega bench transfer` as one page for a browser: needs no network and no script.
import { formatBytes } from '../../units.js';
import { formatRate, pagesText } from './formats.js';
import { renderCharts } from './page-charts.js';
import { PAGE_STYLE } from './page-style.js';
import { renderScenarioTable } from './page-table.js';
import { escapeHtml } from './page-text.js';
import type { GpuResult, TransferResult } from './result.js';
import { copyName } from './scenarios.js';

export function renderPage(result: TransferResult): string {
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    '<title>pega bench transfer</title>',
    `<style>${PAGE_STYLE}</style>`,
    '</head>',
    '<body>',
    '<main>',
    renderHead(result),
    ...result.gpus.map(renderGpu),
    `<footer><p>Measured again by: <code>${escapeHtml(result.command)}</code></p></footer>`,
    '</main>',
    '</body>',
    '</html>',
    '',
  ].join('\n');
}

function renderHead(result: TransferResult): string {
  const { machine, versions } = result;
  const facts = [
    `${machine.cpu}, ${machine.cores} cores, ${formatBytes(machine.memory_bytes)}`,
    `Linux ${machine.kernel}`,
    `CUDA ${machine.cuda}${machine.nvidia_driver === null ? '' : `, driver ${machine.nvidia_driver}`}`,
    ...(machine.slab_pages === null ? [] : [`slabs of ${pagesText(machine.slab_pages)}`]),
    `pega ${versions.pega}`,
    `${result.started_at.slice(0, 16).replace('T', ' ')} UTC, ${result.duration_s.toFixed(0)} s`,
  ];
  const problems =
    result.problems.length === 0
      ? ''
      : `<ul class="problems">${result.problems.map(({ message }) => `<li>${escapeHtml(message)}</li>`).join('')}</ul>`;
  return [
    '<header>',
    '<h1>Copies between GPU blocks and host slots</h1>',
    `<p class="facts">${facts.map((fact) => `<span>${escapeHtml(fact)}</span>`).join(' ')}</p>`,
    problems,
    '</header>',
  ].join('\n');
}

function renderGpu(gpu: GpuResult): string {
  const pcie = gpu.pcie === null ? '' : `, ${gpu.pcie.now}`;
  return [
    '<section>',
    `<h2>GPU ${gpu.ordinal}: ${escapeHtml(gpu.name)}<small>${formatBytes(gpu.memory_bytes)}${escapeHtml(pcie)}</small></h2>`,
    renderTiles(gpu),
    renderCharts(gpu.scenarios),
    '<details open><summary>All figures</summary>',
    renderScenarioTable(gpu.scenarios),
    '</details>',
    '</section>',
  ].join('\n');
}

/** The figures that everything else is held against. */
function renderTiles(gpu: GpuResult): string {
  const tiles: [string, string][] = [
    ['long copies to the GPU', formatRate(gpu.link.to_device)],
    ['long copies to the host', formatRate(gpu.link.to_host)],
    ['both at once', formatRate(gpu.link.both)],
    ...gpu.latency.map(({ direction, kind, block_bytes, spinning_us }): [string, string] => [
      `one block of ${formatBytes(block_bytes)}, ${copyName({ direction, synchronous: kind === 'sync' })}, p50`,
      `${spinning_us.p50.toFixed(1)} µs`,
    ]),
    ...(gpu.product_tera_flops === null
      ? []
      : [
          ['matrix product alone', `${gpu.product_tera_flops.toFixed(0)} TFLOP/s`] as [
            string,
            string,
          ],
        ]),
    ...(gpu.device_bytes === null
      ? []
      : [['GPU memory for copies', formatBytes(gpu.device_bytes)] as [string, string]]),
  ];
  const items = tiles.map(
    ([name, value]) => `<div><dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd></div>`,
  );
  return `<dl class="tiles">${items.join('')}</dl>`;
}

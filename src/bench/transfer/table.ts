// The result of `pega bench transfer` on a terminal: what was found, a table a GPU, what is wrong.
import { renderTable } from '../../tables.js';
import { formatBytes } from '../../units.js';
import {
  formatCount,
  formatMs,
  formatRate,
  formatShare,
  formatSpread,
  gigabytes,
  pagesText,
  shortBytes,
  verdictOn,
} from './formats.js';
import type { DirectionShare, GpuResult, ScenarioResult, TransferResult } from './result.js';
import { copyName } from './scenarios.js';

const HEAD = [
  ...['copy', 'piece', 'layers', 'blocks', 'gpu/host', 'plan'],
  ...['GB/s', 'min–max', 'link', 'alone', 'calls', 'submit', 'CPU', 'product', 'bytes'],
];

export function renderTransfer(result: TransferResult): string {
  const { machine } = result;
  const driver = machine.nvidia_driver === null ? '' : `, driver ${machine.nvidia_driver}`;
  const pages = machine.slab_pages === null ? '' : `, slabs of ${pagesText(machine.slab_pages)}`;
  return [
    `${machine.cpu}, ${machine.cores} cores; CUDA ${machine.cuda}${driver}${pages}`,
    ...result.gpus.flatMap((gpu) => ['', ...describe(gpu), '', renderScenarios(gpu.scenarios)]),
    '',
    'GB/s: 10⁹ bytes, median of the repeats, from submit until the end was seen; link: of a long copy just before each repeat;',
    'alone: of the rate without the other direction; calls: of the driver, by the caller/in all; submit, CPU: ms of the caller, of the',
    'process; product: how much longer a matrix product beside the copy takes; bytes: every block was read back and compared.',
    ...(result.problems.length === 0 ? [] : ['', ...result.problems.map(({ message }) => message)]),
  ].join('\n');
}

function describe(gpu: GpuResult): string[] {
  const { link } = gpu;
  const one =
    link.one_copy_to_device === null || link.one_copy_to_host === null
      ? ''
      : ` (one copy out of CUDA's own memory: ${gigabytes(link.one_copy_to_device)}, ${gigabytes(link.one_copy_to_host)})`;
  const pcie = gpu.pcie === null ? '' : `, ${gpu.pcie.now}`;
  return [
    `GPU ${gpu.ordinal}: ${gpu.name}, ${formatBytes(gpu.memory_bytes)}${pcie}`,
    `link: ${formatRate(link.to_device)} to the GPU, ${formatRate(link.to_host)} back${one}, ${formatRate(link.both)} both at once`,
    ...gpu.latency.map(({ direction, kind, block_bytes, spinning_us, waiting_us }) => {
      const name = copyName({ direction, synchronous: kind === 'sync' });
      return `one block of ${formatBytes(block_bytes)}, ${name}: ${pair(spinning_us)} µs p50/p99 until its end was seen, ${pair(waiting_us)} by a thread that slept`;
    }),
    ...(gpu.device_bytes === null
      ? []
      : [`memory of the GPU taken by the copies: ${formatBytes(gpu.device_bytes)}`]),
  ];
}

function pair({ p50, p99 }: { p50: number; p99: number }): string {
  return `${p50.toFixed(1)}/${p99.toFixed(1)}`;
}

function renderScenarios(scenarios: readonly ScenarioResult[]): string {
  return renderTable(HEAD, scenarios.flatMap(rowsOf), 'right');
}

function rowsOf(scenario: ScenarioResult): string[][] {
  const { direction, kind, product_slowdown: slowdown } = scenario;
  const calls = [scenario.submit_driver_calls, scenario.driver_calls].map(formatCount);
  const whole = [
    copyName({ direction, synchronous: kind === 'sync' }),
    shortBytes(scenario.segment_bytes),
    String(scenario.layers),
    String(scenario.slots),
    `${scenario.device_order}/${scenario.host_order}`,
    scenario.plan,
    gigabytes(scenario.bytes_per_s.median),
    formatSpread(scenario.bytes_per_s),
    formatShare(scenario.link_share.median),
    '',
    scenario.driver_calls === null ? '' : calls.join('/'),
    formatMs(scenario.submit_ms),
    formatMs(scenario.cpu_ms),
    slowdown === null ? '' : signed(slowdown.median),
    verdictOn(scenario),
  ];
  const part = (name: string, share: DirectionShare | null) =>
    share === null
      ? []
      : [
          [
            ...[`  ${name}`, '', '', '', '', ''],
            gigabytes(share.bytes_per_s.median),
            formatSpread(share.bytes_per_s),
            ...['', formatShare(share.share_of_alone.median), '', '', '', '', ''],
          ],
        ];
  return [whole, ...part('loads', scenario.load), ...part('stores', scenario.store)];
}

function signed(share: number): string {
  return `${share < 0 ? '' : '+'}${formatShare(share)}`;
}

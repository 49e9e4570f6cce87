// Figures, scenarios, table and page of `pega bench transfer`, from samples that are made up.
import { describe, expect, it } from 'vitest';
import { scenarioResult } from '../../src/bench/transfer/figures.js';
import { renderPage } from '../../src/bench/transfer/page.js';
import { exitCodeOf } from '../../src/bench/transfer/result.js';
import { JOB_BYTES_MAX, scenariosOf, slabBytesNeeded } from '../../src/bench/transfer/scenarios.js';
import { renderTransfer } from '../../src/bench/transfer/table.js';
import { MATRIX, measurementOf, sampleResult } from './transfer-sample.js';
import { transferSchema } from './transfer-schema.js';

function first(direction: 'load' | 'store' | 'both', besideProduct: boolean) {
  const found = scenariosOf(MATRIX).find(
    (one) => one.direction === direction && one.besideProduct === besideProduct,
  );
  if (found === undefined) {
    throw new Error(`no ${direction} among the scenarios`);
  }
  return found;
}

describe('scenarios', () => {
  it('are every combination once; both directions have no product, stores no kinds', () => {
    const scenarios = scenariosOf({
      ...MATRIX,
      kinds: ['sync', 'async'],
      plans: ['auto', 'staged'],
    });
    // Loads of 2 kinds and stores, each with and without a product; both at once of 2 kinds.
    expect(scenarios).toHaveLength(2 * 2 * 4 * (2 * 2 + 2 + 2));
    expect(new Set(scenarios.map((one) => JSON.stringify(one))).size).toBe(scenarios.length);
    expect(scenarios.some((one) => one.direction === 'both' && one.besideProduct)).toBe(false);
  });

  it('share their memory with their neighbours', () => {
    const shapes = scenariosOf({ ...MATRIX, plans: ['auto', 'direct'] }).map(
      ({ segmentBytes, slots, plan }) => `${segmentBytes} ${slots} ${plan}`,
    );
    const changes = shapes.filter((shape, i) => shape !== shapes[i - 1]).length;
    expect(changes).toBe(new Set(shapes).size);
  });

  it('have fewer slots where a job would be too large, and never none', () => {
    const slotsOf = (segment: number, slots: number[]) => [
      ...new Set(
        scenariosOf({ ...MATRIX, segmentBytes: [segment], slots }).map((one) => one.slots),
      ),
    ];
    expect(slotsOf(2 * 1024 ** 2, [16, 625, 1000])).toEqual([16, 32]);
    expect(slotsOf(JOB_BYTES_MAX, [625])).toEqual([1]);
  });

  it('need slabs for loads and stores', () => {
    const [scenario] = scenariosOf({ ...MATRIX, segmentBytes: [65_536], slots: [300] });
    expect(slabBytesNeeded(scenario === undefined ? [] : [scenario], 256 * 1024 ** 2)).toBe(
      5 * 256 * 1024 ** 2, // 128 slots of 2 MiB in each
    );
  });
});

describe('figures', () => {
  it('of a job are bytes over its own time and over the long copy just before it', () => {
    const scenario = first('load', false);
    const job = { ...measurementOf(scenario).jobs[0], linkBytesPerSecond: 50e9 };
    const measured = measurementOf(scenario, {
      jobBytes: 80e9,
      jobs: [2, 4, 1.9].map((seconds) => ({
        ...measurementOf(scenario).jobs[0],
        ...job,
        seconds,
      })) as never,
    });
    const result = scenarioResult(scenario, measured);
    expect(result.bytes_per_s).toEqual({ median: 40e9, min: 20e9, max: 80e9 / 1.9 });
    expect(result.link_share.median).toBeCloseTo(0.8);
    expect(result.submit_ms?.median).toBeCloseTo(0.9);
    expect(result.verified).toBe(true);
  });

  it('of both directions are their sum, and each one’s share of its rate alone', () => {
    const scenario = first('both', false);
    const both = [{ loadAlone: 50e9, storeAlone: 40e9, load: 45e9, store: 30e9, linkBoth: 100e9 }];
    const result = scenarioResult(scenario, measurementOf(scenario, { both }));
    expect(result.bytes_per_s.median).toBe(75e9);
    expect(result.link_share.median).toBe(0.75);
    expect(result.load?.share_of_alone.median).toBe(0.9);
    expect(result.store?.share_of_alone.median).toBe(0.75);
    expect(result.submit_ms).toBeNull();
  });

  it('of a product are how much longer it takes', () => {
    const scenario = first('store', true);
    const result = scenarioResult(scenario, measurementOf(scenario));
    expect(result.product_slowdown?.median).toBeCloseTo(0.016);
    expect(result.kind).toBeNull();
    expect(result.groups).toBeNull();
  });

  it('say nothing of bytes that nobody looked at', () => {
    const scenario = { ...first('load', false), verify: false };
    expect(scenarioResult(scenario, measurementOf(scenario)).verified).toBeNull();
  });
});

describe('a result', () => {
  it('has the shape of the format', () => {
    expect(transferSchema.parse(sampleResult())).toEqual(sampleResult());
  });

  it('with wrong bytes ends with 1 and says so in table and page', () => {
    const result = sampleResult(MATRIX, 2);
    expect(exitCodeOf(result.problems)).toBe(1);
    expect(renderTransfer(result)).toContain('WRONG (7)');
    expect(renderTransfer(result)).toContain('7 segments hold wrong bytes');
    expect(renderPage(result)).toContain('WRONG (7)');
  });

  it('is a table with a row a scenario, and one for each direction of both', () => {
    const lines = renderTransfer(sampleResult()).split('\n');
    expect(lines.filter((line) => line.startsWith('load sync '))).toHaveLength(16);
    expect(lines.filter((line) => line.startsWith('store '))).toHaveLength(16);
    expect(lines.filter((line) => line.startsWith('both, loads sync '))).toHaveLength(8);
    expect(lines.filter((line) => /^ {2}(loads|stores) /.test(line))).toHaveLength(16);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(140);
  });
});

describe('the page', () => {
  const page = renderPage(sampleResult());

  it('refers to nothing outside of itself and runs nothing', () => {
    expect(page).not.toMatch(/https?:|\/\/|url\(|@import|<(script|link|img|iframe|object)\b/i);
    expect(page).not.toMatch(/\b(src|href|on[a-z]+)=/i);
  });

  it('keeps text text', () => {
    expect(page).toContain('Some &lt;GPU&gt; &amp; &quot;more&quot;');
    expect(page).not.toContain('<GPU>');
  });

  it('has a bar a scenario, a chart a kind of copy, and both colour schemes', () => {
    const scenarios = sampleResult().gpus[0]?.scenarios.length;
    expect(page.match(/class="bar/g)).toHaveLength(scenarios ?? 0);
    expect(page.match(/class="chart /g)).toHaveLength(2 * 5);
    expect(page).toContain('prefers-color-scheme: dark');
  });

  it('closes what it opens', () => {
    for (const tag of ['div', 'span', 'section', 'table', 'tr', 'td', 'dl', 'details', 'main']) {
      const opened = page.match(new RegExp(`<${tag}[ >]`, 'g'))?.length;
      expect([tag, opened]).toEqual([tag, page.match(new RegExp(`</${tag}>`, 'g'))?.length]);
    }
  });
});

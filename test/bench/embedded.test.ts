// The whole path: a real server, a real worker, real copies; and that nothing of them is left behind.
import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import { benchTtft } from '../../src/bench/ttft.js';
import { SILENT } from '../../src/progress.js';
import { resultSchema } from './result-schema.js';

const PROGRAM = fileURLToPath(new URL('../../bin/run.js', import.meta.url));
const MINUTES_MS = 60_000;

const TINY = {
  layers: 2,
  heads: 2,
  kvHeads: 1,
  headDim: 16,
  ffn: 32,
  vocab: 512,
  blockTokens: 8,
  context: 512,
};

/** Folders of the runs of one process, by src/bench/run-folder.ts. */
function leftovers(pid = process.pid): string[] {
  return ['/dev/shm', tmpdir()].flatMap((folder) =>
    readdirSync(folder).filter((name) => new RegExp(`^pega-bench-\\d+-${pid}-`).test(name)),
  );
}

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return text === '' ? [] : text.split(' ').map(Number);
}

const alive = (pid: number) => {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};

/** Runs the command and calls `when` at the first line of the cold phase. */
async function interruptedBench(when: (pid: number) => void) {
  const child = execa(
    process.execPath,
    [PROGRAM, 'bench', 'ttft', '--num-prompts', '4', '--input-len', '4096'],
    { reject: false },
  );
  let children: number[] = [];
  for await (const line of child.iterable({ from: 'stderr' })) {
    if (String(line).startsWith('cold:') && children.length === 0 && child.pid !== undefined) {
      children = childrenOf(child.pid);
      when(child.pid);
    }
  }
  return { result: await child, children, pid: child.pid };
}

describe('bench ttft without --url', () => {
  it(
    'hits every block that can hit, answers alike, warm at most a fifth of cold',
    async () => {
      const result = await benchTtft({
        promptCount: 3,
        inputTokens: 1024,
        outputTokens: 8,
        requestRate: 4,
        engine: { kind: 'embedded' },
        signal: new AbortController().signal,
        progress: SILENT,
      });
      expect(result.problems).toEqual([]);
      const { cold, hbm, host } = result.phases;
      // 64 blocks a prompt; the one with the last token is always computed.
      const hit = 3 * 63 * 16;
      const sources = (compute: number, local: number, external: number) => ({
        local_compute: compute,
        local_cache_hit: local,
        external_kv_transfer: external,
      });
      expect(cold.prompt_tokens_by_source).toEqual(sources(3 * 1024, 0, 0));
      expect(hbm.prompt_tokens_by_source).toEqual(sources(48, hit, 0));
      expect(host.prompt_tokens_by_source).toEqual(sources(48, 0, hit));
      expect([hbm.token_identical, host.token_identical]).toEqual([true, true]);
      expect([hbm.cached_tokens, host.cached_tokens]).toEqual([hit, hit]);
      const blockBytes = 8 * 16 * 4 * 64 * 2 * 4;
      expect(cold).toMatchObject({ bytes_loaded: 0, bytes_stored: 3 * 64 * blockBytes });
      expect(host).toMatchObject({ bytes_loaded: 3 * 63 * blockBytes, bytes_stored: 0 });
      expect(host.speedup_over_cold).toBeGreaterThanOrEqual(5);
      expect(result).toMatchObject({
        config: { engine: 'embedded', url: null, model: 'pega-reference', seed: 0 },
        versions: { pega_server: result.versions.pega },
      });
      expect(leftovers()).toEqual([]);
    },
    2 * MINUTES_MS,
  );

  it(
    'is an invalid run where the pool holds a part of the prompts only',
    async () => {
      const result = await benchTtft({
        promptCount: 12,
        inputTokens: 480,
        outputTokens: 2,
        requestRate: Infinity,
        // 64 KiB a block: 720 blocks of prompts against a pool of 512.
        engine: {
          kind: 'embedded',
          poolBytes: 32 * 1024 ** 2,
          shape: { ...TINY, headDim: 64, layers: 16 },
        },
        signal: new AbortController().signal,
        progress: SILENT,
      });
      expect(result.problems.map(({ phase, kind }) => `${phase} ${kind}`)).toEqual([
        'host phase_not_proven',
      ]);
      expect(result.phases.host.token_identical).toBe(true);
    },
    2 * MINUTES_MS,
  );

  it('prints one JSON document that fits its schema', async () => {
    const { exitCode, stdout, stderr } = await execa(
      process.execPath,
      [PROGRAM, 'bench', 'ttft', '--num-prompts', '1', '--input-len', '64', '--json'],
      { reject: false },
    );
    expect(exitCode).toBe(0);
    expect(resultSchema.parse(JSON.parse(stdout))).toMatchObject({ passed: true });
    expect(stderr).toContain('host: ');
  });

  it.each(['SIGINT', 'SIGTERM'] as const)(
    'leaves no process and no file on %s',
    async (signal) => {
      const { result, children, pid } = await interruptedBench((pid) => process.kill(pid, signal));
      expect(result.exitCode).toBe(130);
      expect(children).toHaveLength(2);
      expect(children.filter(alive)).toEqual([]);
      expect(leftovers(pid)).toEqual([]);
    },
    2 * MINUTES_MS,
  );

  it(
    'leaves no process when it is killed, and no file once another has run',
    async () => {
      const { result, children, pid } = await interruptedBench((pid) =>
        process.kill(pid, 'SIGKILL'),
      );
      expect(result.signal).toBe('SIGKILL');
      expect(children).toHaveLength(2);
      await expect.poll(() => children.filter(alive), { timeout: 20_000 }).toEqual([]);
      expect(leftovers(pid)).toHaveLength(2);
      await benchTtft({
        promptCount: 1,
        inputTokens: 32,
        outputTokens: 1,
        requestRate: Infinity,
        engine: { kind: 'embedded', shape: TINY },
        signal: new AbortController().signal,
        progress: SILENT,
      });
      expect(leftovers(pid)).toEqual([]);
    },
    2 * MINUTES_MS,
  );

  it('passes on why the server would not start, and leaves nothing', async () => {
    const child = execa(
      process.execPath,
      [PROGRAM, 'bench', 'ttft', '--server-pool-size', '8tb', '--json'],
      { reject: false },
    );
    const { exitCode, stdout } = await child;
    expect(exitCode).toBe(69);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'PEGA_NO_SPACE', exit: 69 } });
    expect(leftovers(child.pid)).toEqual([]);
  });
});

// Real processes for end-to-end tests: `pega serve`, `pega reference`, and a client of the latter.
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, startChild } from '../../../src/process/child.js';

export const BLOCK_TOKENS = 16;

/** Small enough to compute a prompt in milliseconds; answers vary all the same. */
export const SMALL_MODEL = {
  layers: 2,
  heads: 4,
  'kv-heads': 2,
  'head-dim': 16,
  ffn: 96,
  vocab: 512,
  context: 1024,
  threads: 1,
  'log-level': 'debug',
  // A busy test machine is not what these tests are about.
  'query-deadline-ms': 5000,
};

export interface Scene {
  readonly folder: string;
  readonly socket: string;
  serve(flags?: Record<string, string | number>): Promise<Child>;
  worker(flags?: Record<string, string | number>): Promise<WorkerClient>;
}

/** Everything that was started is stopped and removed after `play`. */
export async function withScene(play: (scene: Scene) => Promise<void>): Promise<void> {
  const folder = mkdtempSync('/dev/shm/pega-test-');
  const socket = join(folder, 'pega.sock');
  const children: Child[] = [];
  const start = async (command: string, flags: Record<string, string | number>) => {
    const child = await startChild({
      name: `pega ${command}`,
      args: [command, ...Object.entries(flags).map(([name, value]) => `--${name}=${value}`)],
      env: { PEGA_CONFIG: '' },
      readyTimeoutMs: 30_000,
    });
    children.push(child);
    return child;
  };
  try {
    await play({
      folder,
      socket,
      serve: (flags = {}) =>
        start('serve', {
          addr: '127.0.0.1:0',
          'http-addr': '127.0.0.1:0',
          device: 'cpu',
          'pool-size': '64mb',
          'pool-dir': folder,
          socket,
          ...flags,
        }),
      worker: async (flags = {}) =>
        clientOf(await start('reference', { ...SMALL_MODEL, ...flags })),
    });
  } finally {
    await Promise.all(children.toReversed().map((child) => child.stop()));
    rmSync(folder, { recursive: true, force: true });
  }
}

export interface Answer {
  tokens: number[];
  cachedTokens: number;
}

export interface WorkerClient extends WorkerApi {
  readonly child: Child;
}

export interface WorkerApi {
  readonly url: string;
  complete(prompt: readonly number[], maxTokens?: number): Promise<Answer>;
  /** Repeats until it succeeds. */
  reset(): Promise<void>;
  /** Sum of a counter's samples, by its exposed name; with a label where given. */
  counter(name: string, label?: string): Promise<number>;
}

interface CompletionBody {
  choices: { token_ids: number[] }[];
  usage: { prompt_tokens_details: { cached_tokens: number } };
}

function clientOf(child: Child): WorkerClient {
  return { child, ...clientAt(child.pair('url')) };
}

export function clientAt(url: string): WorkerApi {
  return {
    url,
    complete: async (prompt, maxTokens = 8) => {
      const response = await fetch(`${url}/v1/completions`, {
        method: 'POST',
        body: JSON.stringify({ prompt, max_tokens: maxTokens }),
      });
      if (response.status !== 200) {
        throw new Error(`HTTP ${response.status}: ${await response.text()}`);
      }
      const body = (await response.json()) as CompletionBody;
      return {
        tokens: body.choices.flatMap(({ token_ids }) => token_ids),
        cachedTokens: body.usage.prompt_tokens_details.cached_tokens,
      };
    },
    reset: () =>
      until('the prefix cache can be reset', async () => {
        const response = await fetch(`${url}/reset_prefix_cache`, { method: 'POST' });
        return ((await response.json()) as { success: boolean }).success;
      }),
    counter: async (name, label = '') => {
      const text = await (await fetch(`${url}/metrics`)).text();
      return text
        .split('\n')
        .filter((line) => line.startsWith(`${name}{`) && line.includes(label))
        .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
    },
  };
}

export async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  const deadlineMs = performance.now() + 20_000;
  while (!(await holds())) {
    if (performance.now() > deadlineMs) {
      throw new Error(`still waiting after 20 s: ${what}`);
    }
    await sleep(20);
  }
}

/** A prompt of its own for each salt. */
export function promptOf(length: number, salt: number): number[] {
  return Array.from(
    { length },
    (_, i) => (i * 37 + i * i * 5 + salt * 113 + ((salt * i) % 7)) % 512,
  );
}

// A small OpenAI-style engine over real HTTP, with a cache and counters of its own and faults on demand.
//
// It computes nothing: an answer is a function of its prompt. Tests of the bench use it where the
// reference worker would be too honest.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface FakeEngineOptions {
  /** What a prompt that was seen before the last reset brings: bytes from outside, or nothing. */
  external?: boolean;
  /** Answers of prompts seen before are wrong. */
  wrongWhenWarm?: boolean;
  counters?: boolean;
  /** Answers /v1/models with this. */
  models?: unknown;
  /** Resets that are refused before one succeeds; Infinity: no such route. */
  resetRefusals?: number;
  /** Answers a reset with nothing, whatever happened. */
  resetsUnsaid?: boolean;
  /** Takes over a completion: the fault of a test. */
  completion?: (response: ServerResponse, index: number) => void;
}

export interface FakeEngine {
  url: string;
  readonly resets: number;
  /** Bodies of the completions, parsed. */
  readonly requests: Record<string, unknown>[];
  close(): Promise<void>;
}

const BLOCK_TOKENS = 16;

export async function startFakeEngine(options: FakeEngineOptions = {}): Promise<FakeEngine> {
  const engine = new FakeState(options);
  const server = createServer((request, response) => void engine.serve(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    get resets() {
      return engine.resets;
    },
    requests: engine.requests,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

class FakeState {
  readonly requests: Record<string, unknown>[] = [];
  resets = 0;
  readonly #options: FakeEngineOptions;
  readonly #local = new Set<string>();
  readonly #seen = new Set<string>();
  readonly #tokens = { local_compute: 0, local_cache_hit: 0, external_kv_transfer: 0 };
  #refusals: number;

  constructor(options: FakeEngineOptions) {
    this.#options = options;
    this.#refusals = options.resetRefusals ?? 0;
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    switch (`${request.method} ${request.url}`) {
      case 'GET /v1/models':
        response.end(
          JSON.stringify(this.#options.models ?? { object: 'list', data: [{ id: 'fake' }] }),
        );
        return;
      case 'GET /metrics':
        response.end(this.#exposition());
        return;
      case 'POST /reset_prefix_cache':
        this.#reset(response);
        return;
      case 'POST /v1/completions':
        await this.#complete(request, response);
        return;
      default:
        response.writeHead(404).end();
    }
  }

  #reset(response: ServerResponse): void {
    if (this.#refusals === Infinity) {
      response.writeHead(404).end();
      return;
    }
    const success = this.#refusals === 0;
    this.#refusals = Math.max(0, this.#refusals - 1);
    if (success) {
      this.resets += 1;
      this.#local.clear();
    }
    response.end(this.#options.resetsUnsaid ? '' : JSON.stringify({ success }));
  }

  #exposition(): string {
    if (this.#options.counters === false) {
      return '# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds 1\n';
    }
    return Object.entries(this.#tokens)
      .map(
        ([source, tokens]) =>
          `vllm:prompt_tokens_by_source_total{engine="0",model_name="fake",source="${source}"} ${tokens}\n`,
      )
      .join('');
  }

  async #complete(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = JSON.parse(await text(request)) as { prompt: number[]; max_tokens: number };
    this.requests.push(body);
    const key = body.prompt.join();
    const seen = this.#seen.has(key);
    this.#count(body.prompt.length, key);
    if (this.#options.completion) {
      this.#options.completion(response, this.requests.length - 1);
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const shift = seen && this.#options.wrongWhenWarm ? 1 : 0;
    for (let index = 0; index < body.max_tokens; index += 1) {
      const id = ((body.prompt[index % body.prompt.length] ?? 0) + shift) % 4096;
      send(response, { choices: [{ index: 0, text: `t${id} `, token_ids: [id] }] });
    }
    send(response, {
      choices: [],
      usage: { prompt_tokens: body.prompt.length, completion_tokens: body.max_tokens },
    });
    response.end('data: [DONE]\n\n');
  }

  #count(promptTokens: number, key: string): void {
    const full = Math.floor((promptTokens - 1) / BLOCK_TOKENS) * BLOCK_TOKENS;
    const source = this.#local.has(key)
      ? 'local_cache_hit'
      : this.#seen.has(key) && this.#options.external !== false
        ? 'external_kv_transfer'
        : 'local_compute';
    this.#tokens[source] += full;
    this.#tokens.local_compute += promptTokens - full;
    this.#local.add(key);
    this.#seen.add(key);
  }
}

export function send(response: ServerResponse, chunk: unknown): void {
  response.write(`data: ${JSON.stringify(chunk)}\n\n`);
}

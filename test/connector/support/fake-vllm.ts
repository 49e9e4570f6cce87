// What a vLLM answers over HTTP to somebody who looks at it, without a vLLM.
//
// For tests of `pega connector doctor` alone; with a real vLLM they are in test/with-vllm.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FakeVllm {
  readonly url: string;
  /** Requests that would have changed something. */
  readonly changing: readonly string[];
  stop(): Promise<void>;
}

export interface FakeVllmOptions {
  version?: string;
  health?: number;
  /** Lines of /metrics; null: there is none. */
  metrics?: readonly string[] | null;
  devMode?: boolean;
}

export const CONNECTED = 'vllm:pega_connected{engine="0",model_name="m"} 1.0';
export const NOT_CONNECTED = 'vllm:pega_connected{engine="0",model_name="m"} 0.0';
export const BREAKER_OPEN = 'vllm:pega_breaker_state{engine="0",model_name="m"} 2.0';
export const WITHOUT_CONNECTOR = 'vllm:num_requests_running{engine="0",model_name="m"} 0.0';

export async function startFakeVllm(options: FakeVllmOptions = {}): Promise<FakeVllm> {
  const { version = '0.32.0', health = 200, metrics = [CONNECTED], devMode = false } = options;
  const answers: Record<string, [status: number, body: string]> = {
    '/health': [health, ''],
    '/version': [200, JSON.stringify({ version })],
    '/metrics': metrics === null ? [404, ''] : [200, `${metrics.join('\n')}\n`],
    '/reset_prefix_cache': [devMode ? 405 : 404, ''],
  };
  const changing: string[] = [];
  const server = createServer(({ method, url = '' }, response) => {
    if (method !== 'GET') {
      changing.push(`${method} ${url}`);
    }
    const [status, body] = answers[url] ?? [404, ''];
    response.writeHead(status).end(body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    changing,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

// The HTTP side: /metrics for Prometheus, /healthz (the process answers), /readyz (it serves).

import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { HostPort } from '../config/addresses.js';
import { PegaError } from '../errors.js';
import type { Logger } from '../log.js';
import { addressFailure } from './tcp-address.js';

export interface HttpPages {
  metrics(): Promise<string>;
  metricsType: string;
  ready(): boolean;
}

export interface HttpServer {
  readonly address: HostPort;
  stop(): Promise<void>;
}

export async function startHttp(
  address: HostPort,
  pages: HttpPages,
  log: Logger,
): Promise<HttpServer> {
  const server = createServer((request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      answer(response, 405, 'only GET is answered here\n');
      return;
    }
    const [path = ''] = (request.url ?? '').split('?');
    respond(path, response, pages).catch((failure: unknown) => {
      log.error({ err: failure }, 'a page could not be made');
      answer(response, 500, 'PEGA_INTERNAL\n');
    });
  });
  await listen(server, address);
  const { port } = server.address() as AddressInfo;
  return { address: { host: address.host, port }, stop: () => close(server) };
}

async function respond(path: string, response: ServerResponse, pages: HttpPages): Promise<void> {
  switch (path) {
    case '/metrics':
      answer(response, 200, await pages.metrics(), pages.metricsType);
      return;
    case '/healthz':
      answer(response, 200, 'ok\n');
      return;
    case '/readyz':
      answer(response, pages.ready() ? 200 : 503, pages.ready() ? 'ready\n' : 'not ready\n');
      return;
    default:
      answer(response, 404, 'there are /metrics, /healthz and /readyz\n');
  }
}

function answer(response: ServerResponse, code: number, body: string, type = 'text/plain'): void {
  response.writeHead(code, { 'content-type': type }).end(body);
}

function listen(server: Server, address: HostPort): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (failure) => reject(addressFailure('HTTP', address, failure)));
    server.listen(address.port, address.host, () => resolve());
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.close((failure) =>
      failure === undefined
        ? resolve()
        : reject(new PegaError('PEGA_IO', 'the HTTP server did not close', { cause: failure })),
    );
    server.closeAllConnections();
  });
}

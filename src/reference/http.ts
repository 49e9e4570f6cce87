// The worker's HTTP face: the part of OpenAI's and vLLM's that a bench or a router needs.
//
// It parses and renders; the worker does the rest. Bodies are bounded, a client that goes away aborts
// its request, and every error is a JSON object with a sentence.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type PegaError, toPegaError } from '../errors.js';
import { errorBody, sendJson } from './completion-answer.js';

export interface HttpRoutes {
  model: string;
  contextTokens: number;
  /** Answers `response` now or later. */
  complete(body: string, response: ServerResponse): void;
  resetPrefixCache(): boolean;
  metrics(): Promise<{ contentType: string; text: string }>;
}

const BODY_BYTES_MAX = 16 * 1024 * 1024;

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

export function createHttpServer(routes: HttpRoutes): Server {
  const handlers = handlersOf(routes);
  return createServer((request, response) => {
    const [path = ''] = (request.url ?? '').split('?');
    const methods = handlers.get(path);
    const handler = methods?.[request.method ?? ''];
    if (handler === undefined) {
      const status = methods === undefined ? 404 : 405;
      const offered = methods === undefined ? [...handlers.keys()] : Object.keys(methods);
      const message = `${request.method} ${path} is not offered; there is ${offered.join(', ')}`;
      sendJson(response, status, errorBody(message, status, 'PEGA_NOT_FOUND'));
      return;
    }
    handler(request, response).catch((thrown: unknown) => sendError(response, toPegaError(thrown)));
  });
}

function handlersOf(routes: HttpRoutes): Map<string, Record<string, Handler>> {
  return new Map<string, Record<string, Handler>>([
    ['/health', { GET: async (_, response) => void response.writeHead(200).end() }],
    ['/v1/models', { GET: async (_, response) => sendJson(response, 200, modelList(routes)) }],
    [
      '/v1/completions',
      {
        POST: async (request, response) => {
          const body = await readBody(request, response);
          if (body !== undefined) {
            routes.complete(body, response);
          }
        },
      },
    ],
    [
      '/reset_prefix_cache',
      {
        POST: async (_, response) =>
          sendJson(response, 200, { success: routes.resetPrefixCache() }),
      },
    ],
    [
      '/metrics',
      {
        GET: async (_, response) => {
          const { contentType, text } = await routes.metrics();
          response.writeHead(200, { 'content-type': contentType }).end(text);
        },
      },
    ],
  ]);
}

function modelList({ model, contextTokens }: HttpRoutes) {
  return {
    object: 'list',
    data: [{ id: model, object: 'model', owned_by: 'pega', max_model_len: contextTokens }],
  };
}

/** Undefined when the body was too long and has been answered. */
async function readBody(
  request: IncomingMessage,
  response: ServerResponse,
): Promise<string | undefined> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > BODY_BYTES_MAX) {
      const message = `the body is larger than ${BODY_BYTES_MAX} bytes`;
      response.setHeader('connection', 'close');
      sendJson(response, 413, errorBody(message, 413, 'PEGA_LIMIT'));
      return undefined;
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}

function sendError(response: ServerResponse, { code, message }: PegaError): void {
  const status = { PEGA_INVALID_ARGUMENT: 400, PEGA_NOT_FOUND: 404 }[code as string] ?? 500;
  sendJson(response, status, errorBody(message, status, code));
}

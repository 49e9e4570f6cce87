// pega.v1 over gRPC: puts PegaHandlers behind the wire, with health and reflection beside them.
//
// Requests are decoded and answers serialized here, so that one over its limit becomes PEGA_LIMIT instead
// of a broken stream. Handlers' errors become statuses; what is not a PegaError is reported through
// `onFailure` and leaves the server as PEGA_INTERNAL without its text.

import { performance } from 'node:perf_hooks';
import {
  type handleUnaryCall,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation } from 'grpc-health-check';
import { PegaError } from '../errors.js';
import { SERVER_OPTIONS } from './channel-options.js';
import {
  INSPECT_SERVICE,
  inspectService,
  PEGA_SERVICE,
  packageDefinition,
  pegaService,
} from './definition.js';
import type { PegaHandlers } from './handlers.js';
import { checkMessageBytes, decodeRequest } from './message-limit.js';
import type { UnaryCalls } from './messages.js';
import { serveSession } from './session-service.js';
import { toStatus } from './status.js';

export interface RpcOptions {
  handlers: PegaHandlers;
  /** After each unary call. */
  onCall: (method: string, seconds: number, code: string) => void;
  /** Each error that a handler threw. */
  onFailure: (method: string, thrown: unknown) => void;
}

export interface RpcServer {
  /** "127.0.0.1:50055" or "unix:/path". Returns the port (1 for a socket). */
  bind(address: string): Promise<number>;
  setServing(serving: boolean): void;
  /** Lets calls in flight end; after `patienceMs` they are cut. */
  stop(patienceMs: number): Promise<void>;
}

export function createRpcServer(options: RpcOptions): RpcServer {
  const server = new Server(SERVER_OPTIONS);
  const health = new HealthImplementation();
  const setServing = (serving: boolean): void => {
    for (const name of ['', PEGA_SERVICE, INSPECT_SERVICE]) {
      health.setStatus(name, serving ? 'SERVING' : 'NOT_SERVING');
    }
  };
  setServing(false);
  addService(server, pegaService, options);
  addService(server, inspectService, options);
  health.addToServer(server);
  new ReflectionService(packageDefinition).addToServer(server);
  return {
    bind: (address) =>
      new Promise((resolve, reject) => {
        server.bindAsync(address, ServerCredentials.createInsecure(), (failure, port) =>
          failure === null ? resolve(port) : reject(failure),
        );
      }),
    setServing,
    stop: (patienceMs) => stop(server, patienceMs),
  };
}

async function stop(server: Server, patienceMs: number): Promise<void> {
  const cut = setTimeout(() => server.forceShutdown(), patienceMs);
  await new Promise<void>((resolve) => {
    server.tryShutdown(() => resolve());
  });
  clearTimeout(cut);
}

function addService(server: Server, service: ServiceDefinition, options: RpcOptions): void {
  const definitions: Record<string, MethodDefinition<unknown, unknown>> = {};
  const implementation: UntypedServiceImplementation = {};
  for (const [method, definition] of Object.entries(service)) {
    const encoded = { ...definition, requestDeserialize: (bytes: Buffer) => bytes };
    if (method === 'Session') {
      definitions[method] = encoded;
      implementation[method] = (stream: Parameters<typeof serveSession>[0]) =>
        serveSession(stream, options.handlers.Session, (thrown) =>
          options.onFailure(method, thrown),
        );
    } else {
      definitions[method] = { ...encoded, responseSerialize: (bytes) => bytes as Buffer };
      implementation[method] = unary(method as keyof UnaryCalls, definition, options);
    }
  }
  server.addService(definitions, implementation);
}

function unary(
  method: keyof UnaryCalls,
  { requestDeserialize, responseSerialize }: MethodDefinition<unknown, unknown>,
  options: RpcOptions,
): handleUnaryCall<Buffer, Buffer> {
  const handle = options.handlers[method] as (request: unknown) => unknown;
  return (call, callback) => {
    let start = performance.now();
    const finish = (code: string): void =>
      options.onCall(method, (performance.now() - start) / 1000, code);
    const answer = async (): Promise<Buffer> => {
      const request = decodeRequest(method, call.request, requestDeserialize);
      start = performance.now();
      const message = responseSerialize(await handle(request));
      checkMessageBytes(`${method} answer's`, message.length);
      return message;
    };
    answer().then(
      (message) => {
        callback(null, message);
        finish('OK');
      },
      (thrown: unknown) => {
        options.onFailure(method, thrown);
        callback(toStatus(thrown));
        finish(thrown instanceof PegaError ? thrown.code : 'PEGA_INTERNAL');
      },
    );
  };
}

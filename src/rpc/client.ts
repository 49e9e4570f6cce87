// A client of `pega serve`: one method a call of pega.v1. Failures are PegaErrors with the server's code.
//
// Used by the reference worker, `pega inspect`, `pega bench` and tests. It repeats nothing by itself.

import { Client, type ClientUnaryCall, credentials, type MethodDefinition } from '@grpc/grpc-js';
import { PegaError } from '../errors.js';
import { CLIENT_OPTIONS } from './channel-options.js';
import { inspectService, pegaService } from './definition.js';
import { checkMessageBytes } from './message-limit.js';
import type { SessionHello, SessionRequest, SessionResponse, UnaryCalls } from './messages.js';
import { followSession, type PegaSession } from './session-client.js';
import { fromStatus } from './status.js';

export type { PegaSession } from './session-client.js';

export type PegaTarget = { socket: string } | { address: string };

export interface CallOptions {
  /** 10,000 by default. */
  deadlineMs?: number;
}

type Call<Name extends keyof UnaryCalls> = (
  request: UnaryCalls[Name][0],
  options?: CallOptions,
) => Promise<UnaryCalls[Name][1]>;

export interface PegaClient {
  readonly target: string;
  register: Call<'Register'>;
  query: Call<'Query'>;
  release: Call<'Release'>;
  reserve: Call<'Reserve'>;
  seal: Call<'Seal'>;
  abandon: Call<'Abandon'>;
  getPool: Call<'GetPool'>;
  listInstances: Call<'ListInstances'>;
  getBlocks: Call<'GetBlocks'>;
  session(hello: SessionHello): PegaSession;
  /** Calls that are under way fail; sessions are their owners'. */
  close(): void;
}

const DEADLINE_MS = 10_000;

export function connectPega(target: PegaTarget): PegaClient {
  const name = 'socket' in target ? `unix:${target.socket}` : target.address;
  const client = new Client(name, credentials.createInsecure(), CLIENT_OPTIONS);
  const open = new Set<ClientUnaryCall>();
  const unary = <Name extends keyof UnaryCalls>(method: Name): Call<Name> => {
    const definition = definitionOf(method);
    return (request, options) =>
      call<UnaryCalls[Name][1]>(
        { client, open, target: name },
        definition,
        method,
        request,
        options,
      );
  };
  return {
    target: name,
    register: unary('Register'),
    query: unary('Query'),
    release: unary('Release'),
    reserve: unary('Reserve'),
    seal: unary('Seal'),
    abandon: unary('Abandon'),
    getPool: unary('GetPool'),
    listInstances: unary('ListInstances'),
    getBlocks: unary('GetBlocks'),
    session: (hello) => openSession(client, hello, name),
    close: () => {
      // A channel that closes lets its calls wait for their deadlines.
      for (const one of open) {
        one.cancel();
      }
      client.close();
    },
  };
}

function definitionOf(method: string): MethodDefinition<unknown, unknown> {
  const definition = pegaService[method] ?? inspectService[method];
  if (definition === undefined) {
    throw new PegaError('PEGA_INTERNAL', `pega.v1 has no call ${method}`);
  }
  return definition as MethodDefinition<unknown, unknown>;
}

interface Channel {
  client: Client;
  open: Set<ClientUnaryCall>;
  target: string;
}

async function call<Response>(
  { client, open, target }: Channel,
  definition: MethodDefinition<unknown, unknown>,
  method: string,
  request: unknown,
  options: CallOptions | undefined,
): Promise<Response> {
  const message = definition.requestSerialize(request);
  checkMessageBytes(method, message.length);
  const deadline = Date.now() + (options?.deadlineMs ?? DEADLINE_MS);
  return new Promise((resolve, reject) => {
    const started = client.makeUnaryRequest<Buffer, Response>(
      definition.path,
      (bytes) => bytes,
      (bytes) => definition.responseDeserialize(bytes) as Response,
      message,
      { deadline },
      (failure, response) => {
        open.delete(started);
        if (failure !== null) {
          reject(fromStatus(failure, target));
        } else if (response === undefined) {
          reject(new PegaError('PEGA_INTERNAL', `${target} answered ${method} with nothing`));
        } else {
          resolve(response);
        }
      },
    );
    open.add(started);
  });
}

function openSession(client: Client, hello: SessionHello, target: string): PegaSession {
  const definition = definitionOf('Session');
  const stream = client.makeBidiStreamRequest<SessionRequest, SessionResponse>(
    definition.path,
    (request) => definition.requestSerialize(request),
    (bytes) => definition.responseDeserialize(bytes) as SessionResponse,
  );
  stream.write({ hello });
  return followSession(stream, target);
}

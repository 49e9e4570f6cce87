// The service on a real socket with handlers that a test chooses: statuses, limits, sessions, health,
// reflection.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, credentials, type ServiceDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { protoPath as healthProto } from 'grpc-health-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PegaError } from '../../src/errors.js';
import { LIMITS } from '../../src/limits.js';
import { connectPega, type PegaClient } from '../../src/rpc/client.js';
import { pegaService } from '../../src/rpc/definition.js';
import type { PegaHandlers, SessionStream } from '../../src/rpc/handlers.js';
import type { SessionHello, SessionReport, SessionRequest } from '../../src/rpc/messages.js';
import { createRpcServer, type RpcServer } from '../../src/rpc/service.js';

let folder: string;
let server: RpcServer;
let client: PegaClient;
let handlers: PegaHandlers;
let failures: unknown[];
let calls: string[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pega-rpc-'));
  failures = [];
  calls = [];
  handlers = {} as PegaHandlers;
  // The service takes its handlers once; each test sets its own.
  const late = new Proxy(handlers, {
    get:
      (_, name) =>
      (...given: unknown[]) =>
        (Reflect.get(handlers, name) as (...args: unknown[]) => unknown)(...given),
  });
  server = createRpcServer({
    handlers: late,
    onCall: (method, _, code) => calls.push(`${method} ${code}`),
    onFailure: (_, thrown) => failures.push(thrown),
  });
  await server.bind(`unix:${folder}/s`);
  client = connectPega({ socket: `${folder}/s` });
});

afterEach(async () => {
  client.close();
  await server.stop(100);
  rmSync(folder, { recursive: true });
});

function fail(error: unknown): never {
  throw error;
}

describe('errors', () => {
  it('keep code, message and suggestions', async () => {
    handlers.Release = () =>
      fail(new PegaError('PEGA_LIMIT', 'found ü 5\nand more', { suggestions: ['do a', 'do b'] }));
    const call = client.release({ caller: null, leaseIds: [1] });
    await expect(call).rejects.toMatchObject({
      code: 'PEGA_LIMIT',
      message: 'found ü 5\nand more',
      suggestions: ['do a', 'do b'],
    });
    expect(calls).toEqual(['Release PEGA_LIMIT']);
  });

  it.each([new Error('secret at /etc'), 'secret', null])(
    'that are not ours leave without their text (%s)',
    async (stranger) => {
      handlers.Release = () => fail(stranger);
      const failure = await client.release({ caller: null, leaseIds: [] }).catch((e: unknown) => e);
      expect(failure).toMatchObject({ code: 'PEGA_INTERNAL' });
      expect(String((failure as Error).message)).not.toContain('secret');
      expect(failures).toEqual([stranger]);
    },
  );

  it('say that nobody listens', async () => {
    const nobody = connectPega({ socket: `${folder}/none` });
    await expect(nobody.getPool({})).rejects.toMatchObject({
      code: 'PEGA_UNAVAILABLE',
      message: expect.stringContaining(`${folder}/none`),
    });
    await expect(nobody.session(hello).welcome).rejects.toMatchObject({ code: 'PEGA_UNAVAILABLE' });
    nobody.close();
  });

  it('say that the answer did not come in time', async () => {
    handlers.Release = () => new Promise(() => undefined);
    const call = client.release({ caller: null, leaseIds: [] }, { deadlineMs: 50 });
    await expect(call).rejects.toMatchObject({ code: 'PEGA_TIMEOUT' });
  });

  it('say that an answer is over the limit', async () => {
    handlers.Reserve = () => ({
      bootNumber: 1,
      outcomes: Buffer.alloc(0),
      reserved: Buffer.alloc(LIMITS.messageBytesMax),
    });
    const request = {
      caller: null,
      reservationId: 1,
      parentHash: Buffer.alloc(0),
      hashes: Buffer.alloc(0),
    };
    await expect(client.reserve(request)).rejects.toMatchObject({ code: 'PEGA_LIMIT' });
  });
});

describe('requests that are made of many small fields', () => {
  it.each([
    ['Register', 600_000],
    ['Release', 100_000],
  ])('are refused before they are decoded (%s of %d bytes)', async (method, bytes) => {
    const raw = new Client(`unix:${folder}/s`, credentials.createInsecure());
    const failure = await new Promise((resolve) => {
      raw.makeUnaryRequest(
        `/pega.v1.Pega/${method}`,
        (message: Buffer) => message,
        (message) => message,
        Buffer.alloc(bytes, 0xff), // no message of pega.v1: decoding would say so
        (error) => resolve(error),
      );
    });
    raw.close();
    expect(String(failure)).toContain(`PEGA_LIMIT: the ${method} message has ${bytes} bytes`);
  });

  it('and what is no message at all is the client’s mistake', async () => {
    const raw = new Client(`unix:${folder}/s`, credentials.createInsecure());
    const failure = await new Promise((resolve) => {
      raw.makeUnaryRequest(
        '/pega.v1.Pega/Query',
        (message: Buffer) => message,
        (message) => message,
        Buffer.alloc(10, 0xff),
        (error) => resolve(error),
      );
    });
    raw.close();
    expect(String(failure)).toContain('PEGA_INVALID_ARGUMENT: the Query message');
    expect(failures).toMatchObject([{ code: 'PEGA_INVALID_ARGUMENT' }]);
  });

  it('end a session, too', async () => {
    const stream = new Client(`unix:${folder}/s`, credentials.createInsecure());
    const call = stream.makeBidiStreamRequest(
      '/pega.v1.Pega/Session',
      (message: Buffer) => message,
      (message) => message,
    );
    const failure = new Promise((resolve) => {
      call.on('error', resolve);
    });
    call.write(Buffer.alloc(600_000));
    expect(String(await failure)).toContain('Session message has 600000 bytes');
    stream.close();
  });
});

describe('values on the wire', () => {
  it('come through as they were', async () => {
    const caller = {
      engineId: Buffer.alloc(16, 1),
      token: Buffer.alloc(16, 2),
      bootNumber: Number.MAX_SAFE_INTEGER,
      watermark: 2 ** 52 + 1,
    };
    const request = {
      caller,
      leaseId: 2 ** 53 - 3,
      hashes: Buffer.from([0, 1, 255]),
      localHitBlocks: 2 ** 32 - 1,
    };
    const answer = {
      bootNumber: 1_795_377_329_257_784,
      sealedBefore: Buffer.alloc(0),
      hitBlocks: 3,
      slots: Buffer.from([1, 2, 3]),
    };
    let seen: unknown;
    handlers.Query = (received) => {
      seen = received;
      return answer;
    };
    expect(await client.query(request)).toEqual(answer);
    expect(seen).toEqual(request);
  });
});

const hello: SessionHello = {
  engineId: Buffer.alloc(16),
  role: 'ROLE_WORKER',
  rank: 3,
  nonce: Buffer.alloc(16),
  bootNumber: 5,
};

const report: SessionReport = {
  loadBytes: 1,
  storeBytes: 2,
  loadJobs: 3,
  storeJobs: 4,
  failedJobs: 5,
  loadSeconds: 0.5,
  storeSeconds: 0.25,
  transfersRunning: 6,
  slabsReady: 7,
  decisions: [{ requestId: 'r', kind: 'k', cause: 'c', timeSeconds: 1.5 }],
  decisionsDropped: 8,
};

describe('a session', () => {
  it('opens with hello, takes reports, is told of draining and ends once', async () => {
    const events: unknown[] = [];
    const closed = new Promise<void>((resolve) => {
      handlers.Session = (received: SessionHello, stream: SessionStream) => {
        events.push(received);
        return {
          welcome: { bootNumber: 5 },
          onReport: (given) => {
            events.push(given);
            stream.send({ draining: {} });
            stream.end();
          },
          onClosed: () => {
            events.push('closed');
            resolve();
          },
        };
      };
    });
    const session = client.session(hello);
    expect(await session.welcome).toEqual({ bootNumber: 5 });
    session.report(report);
    await session.draining;
    await session.closed;
    await closed;
    expect(events).toEqual([hello, report, 'closed']);
    session.report(report);
    session.close();
  });

  it('ends on the server when the client closes it, and when the client is gone', async () => {
    for (const end of ['close', 'vanish'] as const) {
      const own = connectPega({ socket: `${folder}/s` });
      const closed = new Promise<void>((resolve) => {
        handlers.Session = () => ({
          welcome: { bootNumber: 5 },
          onReport: () => undefined,
          onClosed: resolve,
        });
      });
      const session = own.session(hello);
      await session.welcome;
      if (end === 'close') {
        session.close();
        await session.closed;
      } else {
        own.close();
        session.close();
      }
      await closed;
    }
  });

  it('is refused with the reason', async () => {
    handlers.Session = () => fail(new PegaError('PEGA_NOT_SAME_HOST', 'no proof'));
    const session = client.session(hello);
    await expect(session.welcome).rejects.toMatchObject({
      code: 'PEGA_NOT_SAME_HOST',
      message: 'no proof',
    });
    await session.closed;
  });

  it.each([
    ['a report first', [{ report }], 'before hello'],
    ['nothing first', [{}], 'before hello'],
    ['a second hello', [{ hello }, { hello }], 'second hello'],
  ])('is refused for %s', async (_, requests: SessionRequest[], words) => {
    handlers.Session = () => ({
      welcome: { bootNumber: 5 },
      onReport: () => undefined,
      onClosed: () => undefined,
    });
    const raw = new Client(`unix:${folder}/s`, credentials.createInsecure());
    const method = pegaService.Session;
    if (method === undefined) {
      throw new Error('no Session in the definition');
    }
    const stream = raw.makeBidiStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
    );
    const failure = new Promise<Error>((resolve) => {
      stream.on('error', resolve);
    });
    stream.on('data', () => undefined);
    for (const request of requests) {
      stream.write(request);
    }
    expect((await failure).message).toContain(words);
    raw.close();
  });
});

describe('beside the service', () => {
  it('health follows setServing', async () => {
    const health = loadSync(healthProto, { enums: String })[
      'grpc.health.v1.Health'
    ] as unknown as ServiceDefinition;
    const check = (service: string) => unaryOf(health, 'Check', { service });
    expect(await check('pega.v1.Pega')).toMatchObject({ status: 'NOT_SERVING' });
    server.setServing(true);
    expect(await check('pega.v1.Pega')).toMatchObject({ status: 'SERVING' });
    expect(await check('')).toMatchObject({ status: 'SERVING' });
    await expect(check('other')).rejects.toMatchObject({ code: 5 });
  });

  it('reflection lists the services and describes them', async () => {
    const protos = new URL(
      '../../node_modules/@grpc/reflection/build/proto/grpc/',
      import.meta.url,
    );
    for (const version of ['v1', 'v1alpha']) {
      const path = new URL(`reflection/${version}/reflection.proto`, protos).pathname;
      const reflection = loadSync(path)[
        `grpc.reflection.${version}.ServerReflection`
      ] as unknown as ServiceDefinition;
      const list = await reflect(reflection, { listServices: '' });
      const names = JSON.stringify(list);
      expect(names).toContain('"pega.v1.Pega"');
      expect(names).toContain('"pega.v1.Inspect"');
      const file = await reflect(reflection, { fileContainingSymbol: 'pega.v1.Pega' });
      expect(JSON.stringify(file)).toContain('fileDescriptorProto');
    }
  });
});

function rawClient(): Client {
  return new Client(`unix:${folder}/s`, credentials.createInsecure());
}

function unaryOf(service: ServiceDefinition, name: string, request: object): Promise<unknown> {
  const method = service[name];
  const raw = rawClient();
  return new Promise((resolve, reject) => {
    if (method === undefined) {
      throw new Error(`no ${name}`);
    }
    raw.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      (failure, response) => {
        raw.close();
        failure === null ? resolve(response) : reject(failure);
      },
    );
  });
}

function reflect(service: ServiceDefinition, request: object): Promise<unknown> {
  const method = service.ServerReflectionInfo;
  const raw = rawClient();
  return new Promise((resolve, reject) => {
    if (method === undefined) {
      throw new Error('no ServerReflectionInfo');
    }
    const stream = raw.makeBidiStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
    );
    stream.on('data', (answer) => {
      resolve(answer);
      stream.end();
      raw.close();
    });
    stream.on('error', reject);
    stream.write(request);
  });
}

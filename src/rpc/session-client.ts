// A client's session: hello, then reports while it lives. It does not reconnect; its owner does.

import type { ClientDuplexStream, ServiceError } from '@grpc/grpc-js';
import { PegaError } from '../errors.js';
import { withResolvers } from '../promises.js';
import type { SessionReport, SessionRequest, SessionResponse, SessionWelcome } from './messages.js';
import { fromStatus } from './status.js';

/** A server that is there answers the end of a stream at once; one that is paused never does. */
const END_WITHIN_MS = 500;
const WELCOME_WITHIN_MS = 10_000;

export interface PegaSession {
  /** Resolves when the server has accepted the proof; rejects with the server's PegaError. */
  readonly welcome: Promise<SessionWelcome>;
  /** Resolves when the server says that it is about to stop. */
  readonly draining: Promise<void>;
  /** Resolves when the stream is over, for whatever reason. */
  readonly closed: Promise<void>;
  report(report: SessionReport): void;
  close(): void;
}

export function followSession(
  stream: ClientDuplexStream<SessionRequest, SessionResponse>,
  target: string,
): PegaSession {
  let over = false;
  const welcome = withResolvers<SessionWelcome>();
  const draining = withResolvers<void>();
  const closed = withResolvers<void>();
  const unwelcome = setTimeout(() => stream.cancel(), WELCOME_WITHIN_MS);
  const finish = (failure: PegaError): void => {
    over = true;
    clearTimeout(unwelcome);
    welcome.reject(failure);
    closed.resolve();
  };
  // Whoever does not await the welcome learns of the end through `closed`.
  welcome.promise.catch(() => undefined);
  stream.on('data', (answer: SessionResponse) => {
    if (answer.welcome) {
      clearTimeout(unwelcome);
      welcome.resolve(answer.welcome);
    }
    if (answer.draining) {
      draining.resolve();
    }
  });
  stream.on('error', (failure: ServiceError) => finish(fromStatus(failure, target)));
  stream.on('end', () => {
    stream.end();
    finish(new PegaError('PEGA_UNAVAILABLE', `the server at ${target} ended the session`));
  });
  return {
    welcome: welcome.promise,
    draining: draining.promise,
    closed: closed.promise,
    report: (report) => {
      if (!over) {
        stream.write({ report });
      }
    },
    close: () => {
      over = true;
      stream.end();
      // Else the stream keeps the process alive for as long as the server is silent.
      const impatience = setTimeout(() => stream.cancel(), END_WITHIN_MS);
      void closed.promise.then(() => clearTimeout(impatience));
    },
  };
}

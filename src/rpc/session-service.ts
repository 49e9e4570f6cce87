// The server's side of the Session stream: hello first, reports afterwards, one end.

import type { ServerDuplexStream } from '@grpc/grpc-js';
import { PegaError } from '../errors.js';
import { pegaService } from './definition.js';
import type { PegaHandlers, SessionEvents } from './handlers.js';
import { decodeRequest } from './message-limit.js';
import type { SessionRequest, SessionResponse } from './messages.js';
import { toStatus } from './status.js';

/** Requests come encoded. */
type Stream = ServerDuplexStream<Buffer, SessionResponse>;

const HELLO_WITHIN_MS = 10_000;

const decodeSession = (bytes: Buffer): SessionRequest =>
  pegaService.Session?.requestDeserialize(bytes) as SessionRequest;

export function serveSession(
  stream: Stream,
  open: PegaHandlers['Session'],
  onFailure: (thrown: unknown) => void,
): void {
  let events: SessionEvents | undefined;
  let over = false;
  const finish = (): void => {
    clearTimeout(helloTimer);
    if (!over) {
      over = true;
      events?.onClosed();
    }
  };
  const refuse = (thrown: unknown): void => {
    onFailure(thrown);
    if (!over) {
      finish();
      stream.emit('error', toStatus(thrown));
    }
  };
  const helloTimer = setTimeout(
    () => refuse(new PegaError('PEGA_TIMEOUT', `no hello within ${HELLO_WITHIN_MS / 1000} s`)),
    HELLO_WITHIN_MS,
  );
  const link = {
    send: (response: SessionResponse) => {
      if (!over) {
        stream.write(response);
      }
    },
    end: () => {
      if (!over) {
        stream.end();
        finish();
      }
    },
  };
  stream.on('data', (bytes: Buffer) => {
    if (over) {
      return;
    }
    try {
      const request = decodeRequest('Session', bytes, decodeSession);
      if (events === undefined) {
        events = openWith(request, (hello) => open(hello, link));
        clearTimeout(helloTimer);
        link.send({ welcome: events.welcome });
      } else if (request.report) {
        events.onReport(request.report);
      } else {
        throw new PegaError(
          'PEGA_INVALID_ARGUMENT',
          'a second hello; required after it are reports',
        );
      }
    } catch (thrown) {
      refuse(thrown);
    }
  });
  stream.on('end', () => link.end());
  stream.on('cancelled', finish);
  stream.on('error', finish);
  stream.on('close', finish);
}

function openWith(
  request: SessionRequest,
  open: (hello: NonNullable<SessionRequest['hello']>) => SessionEvents,
): SessionEvents {
  if (!request.hello) {
    throw new PegaError('PEGA_INVALID_ARGUMENT', 'a report before hello; required is hello first');
  }
  return open(request.hello);
}

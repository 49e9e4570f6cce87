// What a server has to answer. src/server implements it; service.ts puts it behind gRPC.
//
// A handler throws PegaError for everything that a client can cause. Requests are as decoded: each
// handler checks with validate.ts what it uses.

import type {
  SessionHello,
  SessionReport,
  SessionResponse,
  SessionWelcome,
  UnaryCalls,
} from './messages.js';

export type UnaryHandlers = {
  [Name in keyof UnaryCalls]: (
    request: UnaryCalls[Name][0],
  ) => UnaryCalls[Name][1] | Promise<UnaryCalls[Name][1]>;
};

/** The server's end of one session's stream. */
export interface SessionStream {
  send(response: SessionResponse): void;
  /** Ends the stream orderly. */
  end(): void;
}

/** What the server does with an accepted session. */
export interface SessionEvents {
  readonly welcome: SessionWelcome;
  onReport(report: SessionReport): void;
  /** Once, when the stream is over, whoever ended it. */
  onClosed(): void;
}

export interface PegaHandlers extends UnaryHandlers {
  /** Checks the proof; throws when the session is refused. */
  Session(hello: SessionHello, stream: SessionStream): SessionEvents;
}

// Open sessions: each is one proved process, for as long as its stream lasts.
//
// A session that ends frees nothing; it makes the server look at the locks.

import type { Logger } from '../log.js';
import type { SessionEvents, SessionStream } from '../rpc/handlers.js';
import type { SessionHello } from '../rpc/messages.js';
import type { ClientReports } from './client-totals.js';
import { nearestWords } from './nearest-namespace.js';
import type { Registry } from './registry.js';

export interface Sessions {
  open(hello: SessionHello, stream: SessionStream): SessionEvents;
  count(): number;
  /** Tells every client that the server is about to stop, then ends the streams. */
  drain(): void;
}

export interface SessionsOptions {
  registry: Registry;
  reports: ClientReports;
  bootNumber: number;
  log: Logger;
  /** A session is over: look at the locks. */
  onClosed: () => void;
}

export function createSessions(options: SessionsOptions): Sessions {
  const streams = new Set<SessionStream>();
  return {
    open: (hello, stream) => {
      const { entry, process, newlyApart } = options.registry.prove(hello);
      options.log.info(
        {
          engine: entry.key,
          namespace: entry.digest.toString('hex'),
          role: process.role,
          rank: process.rank,
          device: process.proved?.device,
          client: process.proved?.client,
        },
        'a process of an engine is proved',
      );
      if (newlyApart !== undefined) {
        options.log.info({ engine: entry.key }, nearestWords(newlyApart));
      }
      streams.add(stream);
      process.openSessions += 1;
      process.sessionSinceMs = performance.now();
      return {
        welcome: { bootNumber: options.bootNumber },
        onReport: (report) => options.reports.add(process, report),
        onClosed: () => {
          streams.delete(stream);
          process.openSessions -= 1;
          options.onClosed();
        },
      };
    },
    count: () => streams.size,
    drain: () => {
      for (const stream of [...streams]) {
        stream.send({ draining: {} });
        stream.end();
      }
    },
  };
}

// Logs of long-running processes: pino, one JSON object a line, to stderr.
//
// Stdout belongs to results and ready lines; nothing here writes there.

import { destination, type Logger, pino, stdTimeFunctions } from 'pino';

export type { Logger } from 'pino';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export function createLogger(options: { name: string; level?: LogLevel }): Logger {
  return pino(
    {
      name: options.name,
      level: options.level ?? 'info',
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    // Synchronous: the last words of a process that ends are not lost.
    destination({ dest: 2, sync: true }),
  );
}

// The one line on stdout that says where a server answers.

import { formatHostPort } from '../config/addresses.js';
import type { RunningServer } from './server.js';

export function readyLine(server: RunningServer): string {
  const pairs = [
    `grpc=${formatHostPort(server.grpc)}`,
    `socket=${server.socketPath}`,
    `http=${formatHostPort(server.http)}`,
    `pid=${process.pid}`,
    `boot=${server.bootNumber}`,
    `pages=${server.pages}`,
  ];
  return `ready ${pairs.join(' ')}\n`;
}

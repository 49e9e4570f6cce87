// `pega serve`: takes the pool, then composes what serves it (composition.ts).
//
// startServer returns when the first slab is usable and all addresses answer. It installs no signal
// handlers and prints nothing but logs: commands/serve.ts does the rest. gRPC, HTTP and metrics take
// longer to load than a slab to fill, so they are loaded while native threads fill the pool.

import { defaultSocketPath } from '../config/default-socket.js';
import { closePool } from './close-pool.js';
import { openPool } from './open-pool.js';
import type { Place, RunningServer, ServerOptions } from './running-server.js';
import { createStop } from './stop.js';
import { refuseIfTaken } from './tcp-address.js';
import { groupIdOf, prepareSocketPath } from './unix-socket.js';

export type { RunningServer, ServerOptions } from './running-server.js';

export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { config, environment } = options;
  const place: Place = {
    socketPath: config.socketPath ?? defaultSocketPath(environment),
    groupId: config.group === undefined ? undefined : groupIdOf(config.group),
  };
  await refuseIfTaken('gRPC', config.address);
  await refuseIfTaken('HTTP', config.httpAddress);
  await prepareSocketPath(place.socketPath, place.groupId);
  const pool = await openPool(config);
  const stop = createStop(options.log, [['pool', () => closePool(pool, options.log)]]);
  try {
    const { serve } = await import('./composition.js');
    return await serve(pool, options, place, stop);
  } catch (failure) {
    await stop.run();
    throw failure;
  }
}

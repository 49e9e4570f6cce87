// A running server as an engine in this place would meet it: does it answer, is its pool the one that is
// mounted here, may this user open it.
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { PegaError } from '../errors.js';
import { problemOf } from '../findings/finding.js';
import { inspectPool } from '../inspect/inspect.js';
import type { PoolView } from '../inspect/pool-view.js';
import { PACKAGE_VERSION } from '../package.js';
import type { PegaTarget } from '../rpc/client.js';
import { findingsOf, type HostFinding } from './host-finding.js';

const { ok, note, problem } = findingsOf('server');

export interface ServerView {
  findings: HostFinding[];
  pool: PoolView | null;
}

/** @param container that this process runs in; null: none. */
export async function serverView(
  target: PegaTarget,
  named: boolean,
  container: string | null,
): Promise<ServerView> {
  const where = ok('container', 'container', container ?? 'none seen: this is the host');
  let pool: PoolView;
  try {
    pool = await inspectPool(target);
  } catch (thrown) {
    if (!(thrown instanceof PegaError) || thrown.code === 'PEGA_INTERNAL') {
      throw thrown;
    }
    return { findings: [where, named ? absent(thrown) : noneAsked()], pool: null };
  }
  const address = 'socket' in target ? target.socket : target.address;
  const answers = ok('server', 'server', `pega ${pool.server_version} answers at ${address}`);
  return { findings: [where, answers, ...versionFinding(pool), folderFinding(pool)], pool };
}

function absent(error: PegaError): HostFinding {
  return { ...problemOf('server', error), id: 'server', section: 'server', required: null };
}

function noneAsked(): HostFinding {
  return ok('server', 'server', 'none named (--socket, --addr) and none where one is by default');
}

function versionFinding({ server_version: version }: PoolView): HostFinding[] {
  return version === PACKAGE_VERSION
    ? []
    : [
        note('server.version', 'version', {
          found: `the server is pega ${version}, this is ${PACKAGE_VERSION}`,
          advice: 'run the same version of pega in the server and in every engine',
        }),
      ];
}

/** Offset and size of the pool's id in its header: docs/protocol.md. */
const POOL_ID_OFFSET = 24;
const POOL_ID_BYTES = 16;

function folderFinding({ folder, pool_id: poolId }: PoolView): HostFinding {
  const [id, check] = ['server.folder', 'pool folder'];
  const required = "the server's own folder, mounted here at the same path";
  const advice = `share it: Docker -v ${folder}:${folder} or --ipc=container:SERVER (started with --ipc=shareable); Kubernetes: one volume (emptyDir with medium: Memory, or hostPath) in both containers`;
  const here = statSync(folder, { throwIfNoEntry: false });
  if (here === undefined) {
    return problem(id, check, { found: `${folder} is not there`, required, advice });
  }
  const mine = `uid ${process.getuid?.() ?? 'unknown'}`;
  try {
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    const header = readFileSync(join(folder, 'header'));
    const idHere = header.subarray(POOL_ID_OFFSET, POOL_ID_OFFSET + POOL_ID_BYTES).toString('hex');
    return idHere === poolId
      ? ok(id, check, `${folder} is the server's, and this user may use it`)
      : problem(id, check, {
          found: `${folder} is another server's or another container's`,
          ...{ required, advice },
        });
  } catch (thrown) {
    const code = (thrown as NodeJS.ErrnoException).code ?? String(thrown);
    return code === 'EACCES' || code === 'EPERM'
      ? problem(id, check, {
          found: `${folder} belongs to uid ${here.uid} and this is ${mine}`,
          required: 'the same user, or a group that both are in',
          advice: 'run engine and server as one user, or start the server with --group GROUP',
        })
      : problem(id, check, { found: `${folder}: header: ${code}`, required, advice });
  }
}

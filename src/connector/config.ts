// The service call of `pega connector config`: what to give vLLM for the server that answers here.
import { resolve } from 'node:path';
import { connectPega, type PegaTarget } from '../rpc/client.js';
import { type KvTransferConfig, kvTransferConfig } from '../vllm/kv-transfer-config.js';
import { shellWord } from './shell-word.js';

export interface ConfigView {
  schema_version: 1;
  server: { version: string; address: string };
  kv_transfer_config: KvTransferConfig;
}

const DEADLINE_MS = 5000;

/** PEGA_UNAVAILABLE where no server answers: a configuration for nobody helps nobody. */
export async function connectorConfig(target: PegaTarget): Promise<ConfigView> {
  // vLLM has another working folder.
  const lasting = 'socket' in target ? { socket: resolve(target.socket) } : target;
  const client = connectPega(lasting);
  try {
    const { serverVersion } = await client.getPool({}, { deadlineMs: DEADLINE_MS });
    return {
      schema_version: 1,
      server: { version: serverVersion, address: client.target },
      kv_transfer_config: kvTransferConfig(lasting),
    };
  } finally {
    client.close();
  }
}

/** One line that a POSIX shell takes as it is. */
export function renderConfig(view: ConfigView): string {
  return `--kv-transfer-config ${shellWord(JSON.stringify(view.kv_transfer_config))}`;
}

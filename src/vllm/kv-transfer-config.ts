// vLLM's --kv-transfer-config for the pega connector: what `pega connector config` prints and what the
// bench starts vLLM with are the same.
import type { PegaTarget } from '../rpc/client.js';

export interface KvTransferConfig {
  kv_connector: 'PegaKVConnector';
  kv_connector_module_path: 'pegaflow.connector';
  kv_role: 'kv_both';
  /** vLLM's own default fails the request instead. */
  kv_load_failure_policy: 'recompute';
  kv_connector_extra_config: { endpoint: string };
}

export function kvTransferConfig(target: PegaTarget): KvTransferConfig {
  return {
    kv_connector: 'PegaKVConnector',
    kv_connector_module_path: 'pegaflow.connector',
    kv_role: 'kv_both',
    kv_load_failure_policy: 'recompute',
    kv_connector_extra_config: { endpoint: endpointOf(target) },
  };
}

/** As the connector's setting `endpoint` has it: unix:///path or host:port. */
function endpointOf(target: PegaTarget): string {
  return 'socket' in target ? `unix://${target.socket}` : target.address;
}

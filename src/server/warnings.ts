// What is no error but should be known at the start.

import type { ServeConfig } from '../config/serve-config.js';
import { hasCudaDriver } from '../host/cuda-driver.js';
import type { Logger } from '../log.js';

export function warnOfDevices(
  config: ServeConfig,
  environment: NodeJS.ProcessEnv,
  log: Logger,
): void {
  if (config.devices !== 'cpu' && !hasCudaDriver(environment)) {
    log.warn(
      `no CUDA driver (libcuda.so.1) is installed here, and --device is ${config.devices.join(',')}: for engines without a GPU use --device cpu`,
    );
  }
}

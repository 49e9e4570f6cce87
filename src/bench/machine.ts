// The machine that a result belongs to. No names, addresses or paths of the host.
import { arch, availableParallelism, cpus, release, totalmem } from 'node:os';
import type { TtftResult } from './result.js';

export function describeMachine(): TtftResult['machine'] {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memory_bytes: totalmem(),
    kernel: release(),
    architecture: arch(),
  };
}

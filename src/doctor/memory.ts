// Reads what bounds a pool's memory on this machine, and judges it.
import { realpathSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { type MemorySources, memoryBounds } from '../host/host-memory.js';
import { readMemoryLimits, readMountOf } from '../host/memory-limits.js';
import type { HostFinding } from './host-finding.js';
import { type MemoryFacts, memoryFindings } from './memory-findings.js';

export interface MemoryOptions {
  poolDir: string;
  slabDir: string | undefined;
  poolBytes: number;
  poolBytesNamed: boolean;
}

/** PEGA_IO: the folder is not there. */
export function lookAtMemory(
  { poolDir, slabDir, poolBytes, poolBytesNamed }: MemoryOptions,
  sources: MemorySources,
  container: string | null,
): { facts: MemoryFacts; findings: HostFinding[] } {
  const folder = slabDir ?? poolDir;
  const bounds = memoryBounds(folder, sources);
  const { totalBytes, freeBytes } = sources.statfs(folder);
  const facts: MemoryFacts = {
    ...{ folder, totalBytes, freeBytes, bounds, poolBytes, poolBytesNamed, container },
    limits: readMemoryLimits(sources.root),
    mount: readMountOf(sources.root, sources.root === '/' ? realpathSync(folder) : folder) ?? null,
    cores: availableParallelism(),
  };
  return { facts, findings: memoryFindings(facts) };
}

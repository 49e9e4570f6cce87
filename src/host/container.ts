// Whether this process runs in a container, and in which kind, by the traces that each leaves.
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** @returns null: no trace of one. @param root "/" but in tests. */
export function readContainer(root: string, environment: NodeJS.ProcessEnv): string | null {
  if (environment.KUBERNETES_SERVICE_HOST !== undefined) {
    return 'Kubernetes';
  }
  if (existsSync(join(root, '.dockerenv'))) {
    return 'Docker';
  }
  if (existsSync(join(root, 'run/.containerenv'))) {
    return 'Podman';
  }
  return environment.container ?? null; // systemd-nspawn, LXC
}

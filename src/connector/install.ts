// The service call of `pega connector install`: refuse, install, check what is there then.

import { type Finding, renderFindings } from '../findings/finding.js';
import { choosePython } from '../vllm/interpreter.js';
import { bundledWheel } from './bundled-wheel.js';
import { connectorFindings } from './connector-findings.js';
import { type InstallMethod, installWheel } from './install-wheel.js';
import { readInterpreterFacts } from './interpreter-facts.js';
import { interpreterFindings } from './interpreter-findings.js';
import { refuseObstacles } from './obstacles.js';

export interface InstallOptions {
  /** Undefined: PEGA_VLLM_PYTHON, then python3 on the path. */
  python: string | undefined;
  environment: NodeJS.ProcessEnv;
  signal: AbortSignal;
}

export interface InstallView {
  schema_version: 1;
  python: string;
  site_packages: string;
  wheel: string;
  /** Who unpacked it. */
  method: InstallMethod;
  findings: Finding[];
}

export async function installConnector(options: InstallOptions): Promise<InstallView> {
  const { environment, signal } = options;
  const { path: wheel, platform } = bundledWheel();
  const chosen = choosePython(options.python, environment, '--python');
  const before = await readInterpreterFacts(chosen.path, signal);
  refuseObstacles(before, { path: wheel, platform });
  const method = await installWheel(before, wheel, signal);
  const facts = await readInterpreterFacts(chosen.path, signal);
  return {
    schema_version: 1,
    python: facts.executable,
    site_packages: facts.site_packages,
    wheel,
    method,
    findings: [...interpreterFindings(facts), ...(await connectorFindings(facts, signal))],
  };
}

export function renderInstall(view: InstallView): string {
  return `${renderFindings(view.findings)}\n\ninstalled in ${view.site_packages} (by ${view.method})`;
}

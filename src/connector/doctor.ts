// The service call of `pega connector doctor`: looks at an interpreter, a running vLLM, or both.
import { PegaError } from '../errors.js';
import { anyProblem, type Finding, problemOf, renderFindings } from '../findings/finding.js';
import type { PegaTarget } from '../rpc/client.js';
import { choosePython } from '../vllm/interpreter.js';
import { connectorFindings } from './connector-findings.js';
import { engineView } from './engine-findings.js';
import { readInterpreterFacts } from './interpreter-facts.js';
import { interpreterFindings } from './interpreter-findings.js';
import { serverFindings } from './server-findings.js';

export interface DoctorOptions {
  /** Looked at when it is named, and when there is no url. */
  python: string | undefined;
  url: string | undefined;
  /** Of the server that the engine should know; only asked with a url. */
  target: PegaTarget;
  environment: NodeJS.ProcessEnv;
  signal: AbortSignal;
}

export interface DoctorView {
  schema_version: 1;
  /** True without a problem; notes may be there. */
  well: boolean;
  findings: Finding[];
}

export async function examine(options: DoctorOptions): Promise<DoctorView> {
  const { python, url } = options;
  const findings = [
    ...(python === undefined && url !== undefined ? [] : await examineInterpreter(options)),
    ...(url === undefined ? [] : await examineEngine(url, options)),
  ];
  return { schema_version: 1, well: !anyProblem(findings), findings };
}

async function examineInterpreter(options: DoctorOptions): Promise<Finding[]> {
  const { path } = choosePython(options.python, options.environment, '--python');
  try {
    const facts = await readInterpreterFacts(path, options.signal);
    return [...interpreterFindings(facts), ...(await connectorFindings(facts, options.signal))];
  } catch (thrown) {
    if (!(thrown instanceof PegaError) || thrown.code !== 'PEGA_CHECK_FAILED') {
      throw thrown;
    }
    return [problemOf('Python', thrown)];
  }
}

async function examineEngine(url: string, options: DoctorOptions): Promise<Finding[]> {
  const { findings, version } = await engineView(url, options.signal);
  return [...findings, ...(await serverFindings(options.target, version))];
}

export function renderDoctor(view: DoctorView): string {
  return renderFindings(view.findings);
}

// Why the connector may not be put into an interpreter, before anything there is touched. Pure.
import { PegaError } from '../errors.js';
import type { BundledWheel } from './bundled-wheel.js';
import { DISTRIBUTION, foreignFinding } from './connector-findings.js';
import type { InterpreterFacts } from './interpreter-facts.js';
import { interpreterFindings } from './interpreter-findings.js';
import { shellWord } from './shell-word.js';

const ANOTHER = 'name the interpreter of your vLLM with --python';

/** Throws the first thing that stands in the way; exit code 1 each. */
export function refuseObstacles(facts: InterpreterFacts, wheel: BundledWheel): void {
  const { executable, platform, site_packages: folder } = facts;
  const refuse = (found: string, ...suggestions: string[]) =>
    new PegaError('PEGA_CHECK_FAILED', `${executable}: ${found}`, { suggestions });
  const unfit = interpreterFindings(facts).find(
    ({ check, state }) => state === 'problem' && (check === 'Python' || check === 'vLLM'),
  );
  if (unfit !== undefined) {
    throw refuse(`${unfit.check} ${unfit.found}: ${unfit.try}`, ANOTHER);
  }
  if (platform !== wheel.platform) {
    throw refuse(
      `it is for ${platform}, this package's native library for ${wheel.platform}`,
      ANOTHER,
    );
  }
  if (facts.externally_managed) {
    throw refuse(
      "it is the system's own and managed by its package tool (PEP 668)",
      ANOTHER,
      `make an environment of your own: ${shellWord(executable)} -m venv DIR`,
    );
  }
  if (!facts.writable) {
    throw refuse(
      `${folder} can't be written by this user`,
      'run it as the user who owns that environment',
      `make one of your own over it: ${shellWord(executable)} -m venv --system-site-packages DIR`,
    );
  }
  refuseForeignPackage(facts);
}

function refuseForeignPackage(facts: InterpreterFacts): void {
  const foreign = foreignFinding(facts);
  if (foreign !== undefined) {
    throw new PegaError('PEGA_ALREADY_EXISTS', `${facts.executable}: ${foreign.found}`, {
      suggestions: foreign.try === null ? [] : [foreign.try],
    });
  }
  // A checkout on PYTHONPATH, or a folder that somebody copied there: it would hide ours.
  if (facts.pegaflow_at !== null && facts.owners.pegaflow.length === 0) {
    throw new PegaError(
      'PEGA_ALREADY_EXISTS',
      `${facts.executable}: imports pegaflow from ${facts.pegaflow_at}, which ${DISTRIBUTION} did not install`,
      { suggestions: ['take it off PYTHONPATH, or remove that folder'] },
    );
  }
}

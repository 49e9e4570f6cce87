// The versions of an interpreter against what the connector needs. Pure.
import { type Finding, note, ok, problem } from '../findings/finding.js';
import type { InterpreterFacts } from './interpreter-facts.js';
import { pipCommand } from './pip-command.js';
import {
  formatVersion,
  GRPCIO_LEAST,
  isBelow,
  PROTOBUF_LEAST,
  PYTHON_LEAST,
  parseVersion,
  supportOf,
  type Version,
  VLLM_RANGE,
} from './versions.js';

export function interpreterFindings(facts: InterpreterFacts): Finding[] {
  return [
    pythonFinding(facts),
    vllmFinding(facts.owners.vllm[0]?.version),
    dependencyFinding(facts, 'grpcio', facts.owners.grpc, GRPCIO_LEAST),
    dependencyFinding(facts, 'protobuf', facts.owners['google.protobuf'], PROTOBUF_LEAST),
  ];
}

function pythonFinding({ python, executable }: InterpreterFacts): Finding {
  const version = parseVersion(python);
  const found = `${python} (${executable})`;
  return version === undefined || isBelow(version, PYTHON_LEAST)
    ? problem(
        'Python',
        found,
        `the connector needs ${formatVersion(PYTHON_LEAST)} or newer: name another interpreter with --python`,
      )
    : ok('Python', found);
}

/** @param version undefined where there is none. */
export function vllmFinding(version: string | undefined): Finding {
  if (version === undefined) {
    return note('vLLM', 'not installed', `install vLLM ${VLLM_RANGE} into this environment`);
  }
  switch (supportOf(version)) {
    case 'too old':
      return problem('vLLM', version, `the connector works with vLLM ${VLLM_RANGE}: upgrade vLLM`);
    case 'untested':
      return note('vLLM', version, `untested: the connector was tested with vLLM ${VLLM_RANGE}`);
    case 'tested':
      return ok('vLLM', version);
  }
}

function dependencyFinding(
  facts: InterpreterFacts,
  name: string,
  owners: readonly { version: string }[],
  least: Version,
): Finding {
  const advice = pipCommand(facts, 'install', `${name}>=${formatVersion(least)}`);
  const found = owners[0]?.version;
  if (found === undefined) {
    return problem(name, 'not installed', advice);
  }
  const version = parseVersion(found);
  return version === undefined || isBelow(version, least)
    ? problem(name, found, advice)
    : ok(name, found);
}

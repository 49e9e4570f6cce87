// What the native build needs of the machine, and what to install where something is missing.
//
// For build-native.mjs and every other script that builds. Looks only: installs nothing. Uses Node's
// own modules alone, since on a fresh clone nothing is installed yet.
import { spawnSync } from 'node:child_process';

/**
 * One thing that is needed. `probe` runs with the environment; its output holds the version.
 * @typedef {{ name: string, probe: string[], input?: string, least?: number[], debian: string }} Tool
 */

const CXX_LEAST = { 'g++': [12], clang: [14] };

/** @type {Tool[]} */
const TOOLS = [
  { name: 'CMake', probe: ['cmake', '--version'], least: [3, 25], debian: 'cmake' },
  { name: 'ninja', probe: ['ninja', '--version'], debian: 'ninja-build' },
  { name: 'Python', probe: ['python3', '--version'], debian: 'python3' },
];

const NODE_LEAST = [20, 18];
const NODE_ADVICE = 'Node 20.18 or newer: https://nodejs.org/en/download';

/**
 * Every problem, as what was found and what is required; empty when all is there.
 * @param {{ tests?: boolean, env?: NodeJS.ProcessEnv }} [options] tests: GoogleTest, too
 * @returns {{ problem: string, debian?: string, advice?: string }[]}
 */
export function findMissingTools({ tests = false, env = process.env } = {}) {
  const problems = [];
  if (!atLeast(numbersOf(process.versions.node), NODE_LEAST)) {
    problems.push({
      problem: `Node ${process.versions.node} runs this, ${NODE_LEAST.join('.')} is required`,
      advice: NODE_ADVICE,
    });
  }
  const compiler = findCompiler(env);
  if (compiler.problem !== undefined) {
    problems.push({ problem: compiler.problem, debian: 'g++' });
  }
  for (const tool of TOOLS) {
    const problem = problemOf(tool, env);
    if (problem !== undefined) {
      problems.push({ problem, debian: tool.debian });
    }
  }
  if (tests && compiler.command !== undefined && !hasGoogleTest(compiler.command, env)) {
    problems.push({ problem: 'GoogleTest was not found', debian: 'libgtest-dev' });
  }
  return problems;
}

/**
 * The text for people: what is wrong, then the one line that mends it. Undefined when all is there.
 * @param {{ tests?: boolean, env?: NodeJS.ProcessEnv }} [options]
 */
export function describeMissingTools(options) {
  const problems = findMissingTools(options);
  if (problems.length === 0) {
    return undefined;
  }
  const lines = problems.map(({ problem }) => `  ${problem}`);
  const packages = problems.flatMap(({ debian }) => debian ?? []);
  if (packages.length > 0) {
    lines.push(`Try: apt-get install ${packages.join(' ')}`);
    lines.push('     (Debian, Ubuntu; elsewhere the packages of these names)');
  }
  lines.push(...problems.flatMap(({ advice }) => (advice ? [`Try: ${advice}`] : [])));
  return ['Error: the native build needs tools that this machine lacks:', ...lines].join('\n');
}

/** The compiler that CMake will take: CXX where it is set, else g++, else clang++. */
function findCompiler(env) {
  const candidates = env.CXX ? [env.CXX] : ['g++', 'clang++'];
  const tooOld = [];
  for (const command of candidates) {
    const output = outputOf([command, '--version'], env);
    if (output === undefined) {
      continue;
    }
    const kind = output.includes('clang') ? 'clang' : 'g++';
    const version = numbersOf(output.split('\n')[0]?.replace(/\(.*?\)/g, '') ?? '');
    if (atLeast(version, CXX_LEAST[kind])) {
      return { command };
    }
    tooOld.push(`${command} ${version.join('.')}`);
  }
  const required = 'g++ 12 or clang++ 14 is required';
  return tooOld.length > 0
    ? { problem: `${tooOld.join(' and ')} was found, ${required}` }
    : { problem: `${candidates.join(' or ')} was not found: ${required}` };
}

function problemOf({ name, probe, least }, env) {
  const output = outputOf(probe, env);
  if (output === undefined) {
    return `${name} (${probe[0]}) was not found`;
  }
  const found = numbersOf(output);
  return least === undefined || atLeast(found, least)
    ? undefined
    : `${name} ${found.join('.')} was found, ${least.join('.')} is required`;
}

function hasGoogleTest(compiler, env) {
  // -fsyntax-only prints nothing; the preprocessed text would not fit spawnSync's buffer.
  const probe = [compiler, '-fsyntax-only', '-x', 'c++', '-std=c++20', '-'];
  return outputOf(probe, env, '#include <gtest/gtest.h>\n') !== undefined;
}

/** What the program printed; undefined when it can't be run or fails. */
function outputOf([command, ...args], env, input = '') {
  const result = spawnSync(command, args, { env, input, encoding: 'utf8' });
  return result.status === 0 ? result.stdout : undefined;
}

/** The first dotted number of a text. */
function numbersOf(text) {
  const found = /\d+(\.\d+)*/.exec(text);
  return found === null ? [] : found[0].split('.').map(Number);
}

function atLeast(found, least) {
  for (const [i, wanted] of least.entries()) {
    const number = found[i] ?? 0;
    if (number !== wanted) {
      return number > wanted;
    }
  }
  return true;
}

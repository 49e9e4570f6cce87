// Compiles the GPU's kernels: native/cuda/kernels/*.cu → *.ptx, which are committed beside them.
//
//   node scripts/build-kernels.mjs                  compiles and writes
//   node scripts/build-kernels.mjs --check          compiles, compares byte for byte, assembles
//   node scripts/build-kernels.mjs --check-sources  compares checksums only; needs no compiler
//
// Exit codes: 0 ok, 1 a check failed, 2 usage, 69 no compiler. The compiler (kernel-compiler.mjs) has
// pinned versions and the text it writes names no path, so every machine makes the same. For every
// kind of GPU in TARGETS --check has ptxas assemble the text as nvcc wrote it and as it is committed,
// with the older ISA version: the machine code must be the same, and spill no register. Its last line
// is `N passed, N failed`. Uses Node's own modules alone.
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { prepareCompiler, runCompiler } from './kernel-compiler.mjs';

const NATIVE = fileURLToPath(new URL('../native', import.meta.url));
const KERNELS = 'cuda/kernels';
const FLAGS = ['-ptx', '-arch=compute_80', '-O3', '-std=c++20', '-allow-unsupported-compiler'];
/** What nvcc 13.0 writes, and what is written instead: kernel_images.h says why that is sound. */
const WRITTEN_ISA = '.version 9.0';
const STATED_ISA = '.version 8.0';
/** Ampere (A100, others), Ada, Hopper, Blackwell (B200, B300, others). */
const TARGETS = ['sm_80', 'sm_86', 'sm_89', 'sm_90', 'sm_100', 'sm_103', 'sm_120'];
const REBUILD = 'Try: npm run build:kernels';
const INCLUDE = /^#include "([^"]+)"$/gm;
const DIFFERENT_LINES_SHOWN = 10;

const sha256 = (...parts) => {
  const hash = createHash('sha256');
  for (const part of parts) {
    hash.update(createHash('sha256').update(part).digest());
  }
  return hash.digest('hex');
};

/** Names of the kernels' files, without their endings. */
function kernelNames(native) {
  const names = readdirSync(join(native, KERNELS)).filter((name) => name.endsWith('.cu'));
  return names.map((name) => basename(name, '.cu')).sort();
}

const pathOf = (native, name, ending) => join(native, KERNELS, `${name}.${ending}`);

/** Of everything that the text depends on. */
function sourcesChecksum(native, name) {
  const source = readFileSync(pathOf(native, name, 'cu'), 'utf8');
  const headers = [...source.matchAll(INCLUDE)].map(([, path]) => readFileSync(join(native, path)));
  const pins = readFileSync(join(native, KERNELS, 'requirements.txt'));
  return sha256(FLAGS.join(' '), STATED_ISA, pins, source, ...headers);
}

function headOf(native, name, text) {
  return [
    `// ${name}.cu, compiled by scripts/build-kernels.mjs: change that, then \`npm run build:kernels\`.`,
    `// sources: ${sourcesChecksum(native, name)}`,
    `// text: ${sha256(text)}`,
    '',
  ].join('\n');
}

/** Whether each committed text is whole and made from the sources as they are now; says what is not. */
export function checkSources(native = NATIVE) {
  return kernelNames(native).flatMap((name) => {
    const path = `${KERNELS}/${name}.ptx`;
    let committed;
    try {
      committed = readFileSync(join(native, path), 'utf8');
    } catch {
      return [`${path} is missing`];
    }
    const text = committed.split('\n').slice(3).join('\n');
    const head = committed.slice(0, committed.length - text.length);
    if (!head.includes(`// text: ${sha256(text)}\n`)) {
      return [`${path} was changed by hand`];
    }
    return head === headOf(native, name, text)
      ? []
      : [`${path} was made from another ${name}.cu, header, compiler or flags`];
  });
}

/** The text as nvcc wrote it and as it is committed. */
function compile(compiler, name, folder) {
  const path = join(folder, `${name}.written.ptx`);
  runCompiler(compiler.nvcc, [...FLAGS, '-I', '.', '-o', path, `${KERNELS}/${name}.cu`], NATIVE);
  const written = readFileSync(path, 'utf8');
  if (written.split(WRITTEN_ISA).length !== 2) {
    throw new Error(`nvcc wrote no \`${WRITTEN_ISA}\`: the pins and this script do not fit`);
  }
  const text = written.replace(WRITTEN_ISA, STATED_ISA);
  return { written: path, committed: headOf(NATIVE, name, text) + text };
}

/** Assembles both texts for one kind of GPU; what is wrong with them, and what the kernels take. */
function assemble(compiler, texts, target) {
  const [written, stated] = texts.map((text) => {
    const code = `${text}.${target}`;
    const said = runCompiler(compiler.ptxas, ['-v', `-arch=${target}`, text, '-o', code]);
    return { said, code: readFileSync(code) };
  });
  const spills = /[1-9]\d* bytes spill/.test(stated.said);
  const registers = [
    ...stated.said.matchAll(/entry function '(\w+)'[\s\S]*?Used (\d+) registers/g),
  ];
  return {
    registers: registers.map(([, kernel, count]) => `${kernel} ${count}`).join(', '),
    wrong: [
      ...(written.code.equals(stated.code) ? [] : ['the older ISA makes other machine code']),
      ...(spills ? ['registers are spilled'] : []),
      ...(registers.length > 0 ? [] : ['ptxas named no kernel']),
    ],
  };
}

function firstDifferences(committed, made) {
  const [was, is] = [committed.split('\n'), made.split('\n')];
  const lines = [];
  for (let at = 0; at < Math.max(was.length, is.length); at += 1) {
    if (was[at] !== is[at] && lines.length < 2 * DIFFERENT_LINES_SHOWN) {
      lines.push(`  ${at + 1}: - ${was[at] ?? ''}`, `  ${at + 1}: + ${is[at] ?? ''}`);
    }
  }
  return lines.join('\n');
}

/** @returns {{ passed: number, wrong: string[] }} */
function checkKernel(compiler, name, folder) {
  const made = compile(compiler, name, folder);
  const path = pathOf(NATIVE, name, 'ptx');
  const committed = readFileSync(path, 'utf8');
  const wrong = [];
  if (committed !== made.committed) {
    wrong.push(
      `${KERNELS}/${name}.ptx is not what ${name}.cu compiles to:\n${firstDifferences(committed, made.committed)}`,
    );
  }
  const stated = join(folder, `${name}.stated.ptx`);
  writeFileSync(stated, committed);
  for (const target of TARGETS) {
    const result = assemble(compiler, [made.written, stated], target);
    process.stdout.write(`${name} ${target}: registers: ${result.registers}\n`);
    if (result.wrong.length > 0) {
      wrong.push(`${name}.ptx for ${target}: ${result.wrong.join('; ')}`);
    }
  }
  return { passed: 1 + TARGETS.length - wrong.length, wrong };
}

function checkAll(compiler, folder) {
  const results = kernelNames(NATIVE).map((name) => checkKernel(compiler, name, folder));
  const wrong = results.flatMap((one) => one.wrong);
  complain(wrong);
  const passed = results.reduce((sum, one) => sum + one.passed, 0);
  process.stdout.write(`${passed} passed, ${wrong.length} failed\n`);
  return wrong.length === 0 ? 0 : 1;
}

function writeAll(compiler, folder) {
  for (const name of kernelNames(NATIVE)) {
    writeFileSync(pathOf(NATIVE, name, 'ptx'), compile(compiler, name, folder).committed);
    process.stdout.write(`native/${KERNELS}/${name}.ptx\n`);
  }
  return 0;
}

function complain(wrong) {
  if (wrong.length > 0) {
    process.stderr.write(`${wrong.map((one) => `Error: ${one}\n`).join('')}${REBUILD}\n`);
  }
}

async function withCompiler(work) {
  let compiler;
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  try {
    const pins = join(NATIVE, KERNELS, 'requirements.txt');
    compiler = await prepareCompiler(pins, stop.signal);
  } catch (error) {
    process.stderr.write(`Error: ${error.message}\n`);
    return stop.signal.aborted ? 130 : 69;
  }
  const folder = mkdtempSync(join(tmpdir(), 'pega-kernels-'));
  try {
    return work(compiler, folder);
  } catch (error) {
    process.stderr.write(`Error: ${error.message}\n`);
    return 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function main(args) {
  switch (args.join(' ')) {
    case '':
      return withCompiler(writeAll);
    case '--check':
      return withCompiler(checkAll);
    case '--check-sources': {
      const wrong = checkSources();
      complain(wrong);
      return wrong.length === 0 ? 0 : 1;
    }
    default:
      process.stderr.write('Try: node scripts/build-kernels.mjs [--check | --check-sources]\n');
      return 2;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exitCode = await main(process.argv.slice(2));
}

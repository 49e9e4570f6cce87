// What every file of the repository has to look like: a head comment, a bounded length, names that
// say something, no leftovers, no traces of one machine.
import { basename, extname } from 'node:path';
import { expect, test } from 'vitest';

import { readText, repositoryFiles } from './tree.js';

const LINES_MAX = 400;

/** Files that may be longer, each with its reason. */
const LONG: Record<string, string> = {};

const HEAD_COMMENTS: Record<string, RegExp> = {
  '.ts': /^\/\/ /,
  '.js': /^\/\/ /,
  '.mjs': /^\/\/ /,
  '.cjs': /^\/\/ /,
  '.h': /^(\/\/|\/\*) /,
  '.c': /^(\/\/|\/\*) /,
  '.cc': /^\/\/ /,
  '.cu': /^\/\/ /,
  '.proto': /^\/\/ /,
  '.py': /^("""|# )/,
  '.sh': /^# /,
};

// In two parts, so that this file passes its own test.
const words = (...halves: [string, string][]): string =>
  halves.map(([first, second]) => first + second).join('|');

const LEFTOVERS = new RegExp(
  `\\b(${words(['TO', 'DO'], ['FIX', 'ME'], ['XX', 'X'], ['HA', 'CK'])})\\b`,
);
const CONSOLE = new RegExp(`\\b${'con'}sole\\.[a-z]+\\(`);
const SKIPPED = new RegExp(
  `\\b(it|test|describe)\\.(${words(['sk', 'ip'], ['on', 'ly'], ['to', 'do'])})\\b|${words(['GTEST', '_SKIP'], ['DISABLED', '_'])}`,
);
const MACHINE = new RegExp(
  `(?<![\\w.])/(${words(['wo', 'rk'], ['ro', 'ot'], ['ho', 'me'], ['Us', 'ers'])})/|${words(['registry', '\\.npmjs'], ['pypi', '\\.org'], ['files\\.python', 'hosted'])}`,
);
const EMPTY_NAMES = /(^|[-_.])(manager|helpers?|utils?|misc|common|stuff|data)([-_.]|$)/i;
const EMPTY_DECLARATIONS =
  /\b(?:class|interface|type|struct|enum|function)\s+\w*(?:Manager|Helper|Utils?|Misc)\b/;

const files = repositoryFiles();
const written = files.filter(
  (path) => path !== 'package-lock.json' && path !== 'LICENSE' && !readText(path).includes('\0'),
);
const code = written.filter((path) => Object.hasOwn(HEAD_COMMENTS, extname(path)));
const scripts = code.filter((path) => /^\.[cm]?[jt]s$/.test(extname(path)));

/** "path:line: text" of every line that matches. */
function linesWith(paths: string[], pattern: RegExp): string[] {
  return paths.flatMap((path) =>
    readText(path)
      .split('\n')
      .flatMap((line, index) =>
        pattern.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [],
      ),
  );
}

/** A .cc file whose first line includes its own header, which says what both are. */
function opensWithItsHeader(path: string, text: string): boolean {
  const name = basename(path, '.cc').replace(/_test$/, '');
  return path.endsWith('.cc') && new RegExp(`^#include "([a-z]+/)+${name}\\.h"`).test(text);
}

test('there are files to look at', () => {
  expect(code.length).toBeGreaterThan(50);
  expect(scripts.length).toBeGreaterThan(20);
});

test('every source file says at its head what it is', () => {
  const silent = code.filter((path) => {
    const text = readText(path).replace(/^#!.*\n/, '');
    return !(HEAD_COMMENTS[extname(path)] ?? /^/).test(text) && !opensWithItsHeader(path, text);
  });
  expect(silent).toEqual([]);
});

test('no source file is long without a reason', () => {
  const long = code.filter((path) => readText(path).split('\n').length - 1 > LINES_MAX);
  expect(long.sort()).toEqual(Object.keys(LONG).sort());
});

test('no name that says nothing', () => {
  expect(files.filter((path) => EMPTY_NAMES.test(basename(path, extname(path))))).toEqual([]);
  expect(linesWith(code, EMPTY_DECLARATIONS)).toEqual([]);
});

test('nothing is left for later', () => {
  expect(linesWith(written, LEFTOVERS)).toEqual([]);
});

test('no test is skipped', () => {
  expect(linesWith(code, SKIPPED)).toEqual([]);
});

test('nothing is written to the console behind the logger', () => {
  expect(linesWith(scripts, CONSOLE)).toEqual([]);
});

test('nothing names one machine or a package registry', () => {
  expect(linesWith(written, MACHINE)).toEqual([]);
});

test('the addon is loaded in src/engine alone', () => {
  const product = scripts.filter((path) => /^(bin|commands|cli|src)\//.test(path));
  const outside = product.filter((path) => !path.startsWith('src/engine/'));
  expect(linesWith(outside, /\.node['"`]|process\.dlopen/)).toEqual([]);
});

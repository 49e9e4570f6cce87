// The documents against the repository: links lead somewhere, the README's commands are the commands,
// docs/errors.md has every error, docs/configuration.md every option.
import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';

import { resolveServeConfig, type ServeConfig, variableOf } from '../../src/config/serve-config.js';
import { SERVE_OPTION_NAMES } from '../../src/config/serve-options.js';
import { grpcStatusOf, PEGA_CODES, PegaError } from '../../src/errors.js';
import { ROOT, readText, repositoryFiles } from './tree.js';

const documents = repositoryFiles().filter((path) => path.endsWith('.md'));

/** Text without fenced code, whose brackets are no links. */
function prose(path: string): string {
  return readText(path).replace(/^```.*?^```$/gms, '');
}

/** The anchors that a forge gives the headings of a document. */
function anchors(path: string): Set<string> {
  const headings = prose(path).matchAll(/^#{1,6} (.+)$/gm);
  return new Set(
    [...headings].map(([, heading]) =>
      (heading ?? '')
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

function brokenLinks(path: string): string[] {
  const links = [...prose(path).matchAll(/\[[^\]]*\]\(([^)\s]+)\)/g)].map(
    ([, target]) => target ?? '',
  );
  return links
    .filter((target) => !/^(https?|mailto):/.test(target))
    .filter((target) => {
      const [file = '', anchor] = target.split('#');
      const linked = file === '' ? path : normalize(join(dirname(path), file));
      if (linked.startsWith('..') || !existsSync(join(ROOT, linked))) {
        return true;
      }
      return anchor !== undefined && !anchors(linked).has(anchor);
    })
    .map((target) => `${path}: ${target}`);
}

test('every link of every document leads somewhere', () => {
  expect(documents).toContain('README.md');
  expect(documents.flatMap(brokenLinks)).toEqual([]);
});

test('the paths that documents name exist', () => {
  const named = /`((?:src|native|test|docs|proto|scripts|commands|cli|fixtures)\/[\w./-]*\w\/?)`/g;
  const missing = documents
    .filter((path) => path !== 'CHANGELOG.md')
    .flatMap((path) =>
      [...prose(path).matchAll(named)]
        .map(([, name]) => name ?? '')
        .filter((name) => !existsSync(join(ROOT, name)))
        .map((name) => `${path}: ${name}`),
    );
  expect(missing).toEqual([]);
});

test("the README's table of commands is the commands folder", () => {
  const rows = [...readText('README.md').matchAll(/^\| `pega ([a-z -]+?)` \|/gm)].map(
    ([, id]) => id,
  );
  const commands = repositoryFiles()
    .filter((path) => path.startsWith('commands/') && path.endsWith('.ts'))
    .map((path) =>
      path
        .slice('commands/'.length, -'.ts'.length)
        .replace(/\/index$/, '')
        .replaceAll('/', ' '),
    );
  expect(rows.sort()).toEqual(commands.sort());
});

test('docs/errors.md has every error with its exit code, gRPC status and advice', () => {
  const row = /^\| `(PEGA_[A-Z_]+)` \| (\d+) \| (\d+) [A-Z_]+ \| [^|]+ \| ([^|]+) \|$/gm;
  const rows = [...readText('docs/errors.md').matchAll(row)].map(([, ...cells]) => cells.join(' '));
  const table = PEGA_CODES.map((code) => {
    const { exitCode, suggestions } = new PegaError(code, '');
    return [code, exitCode, grpcStatusOf(code), ...suggestions].join(' ');
  });
  expect(rows.sort()).toEqual(table.sort());
});

test('docs/configuration.md has every option with its variable and default', () => {
  const row = /^\| `--([a-z-]+)` \| `([A-Z_]+)` \| (?:`([^`]+)`|–) \| \S/gm;
  const rows = [...readText('docs/configuration.md').matchAll(row)];
  expect(rows.map(([, option]) => option)).toEqual(SERVE_OPTION_NAMES);
  expect(rows.map(([, , variable]) => variable)).toEqual(SERVE_OPTION_NAMES.map(variableOf));
  const flags = Object.fromEntries(
    rows.flatMap(([, option, , text]) => (text === undefined ? [] : [[option, text]])),
  );
  const resolve = (given: Record<string, string>): ServeConfig =>
    resolveServeConfig({ flags: given, environment: {}, file: undefined });
  expect(resolve(flags)).toEqual(resolve({}));
});

// Which versions the connector works with: what pega checks is what the Python package requires.
import { expect, test } from 'vitest';
import {
  formatVersion,
  GRPCIO_LEAST,
  PROTOBUF_LEAST,
  PYTHON_LEAST,
  supportOf,
} from '../../src/connector/versions.js';
import { readText } from '../repository/tree.js';

test('the least versions are those of pyproject.toml', () => {
  const project = readText('python/pyproject.toml');
  expect(project).toContain(`requires-python = ">=${formatVersion(PYTHON_LEAST)}"`);
  expect(project).toContain(`"grpcio>=${formatVersion(GRPCIO_LEAST)}"`);
  expect(project).toContain(`"protobuf>=${formatVersion(PROTOBUF_LEAST)}"`);
});

test.each([
  ['0.23.9', 'too old'],
  ['0.9.2', 'too old'],
  ['0.24.0', 'tested'],
  ['0.24.1.dev3+gabc', 'tested'],
  ['0.32.4+cpu', 'tested'],
  ['0.33.0', 'untested'],
  ['1.0.0', 'untested'],
  ['0.1.dev1+gabc.d20260101', 'untested'],
  ['unknown', 'untested'],
])('vLLM %s is %s', (version, support) => {
  expect(supportOf(version)).toBe(support);
});

// A model made on the spot by the interpreter of a vLLM: small, seeded, with real weights; no download.
import { join } from 'node:path';
import { execa } from 'execa';
import { PegaError } from '../errors.js';
import { pythonTool } from './bundled.js';
import type { VllmPython } from './interpreter.js';
import type { ModelFolder } from './model-folder.js';

const SHAPE = 'tiny';
/** torch and transformers are imported for it. */
const TIMEOUT_MS = 180_000;
const LINES_SHOWN = 5;

/** @param parent where its folder is made; the caller removes it. */
export async function makeTinyModel(
  python: VllmPython,
  parent: string,
  signal: AbortSignal,
): Promise<ModelFolder> {
  const folder = join(parent, SHAPE);
  const { failed, stderr, shortMessage } = await execa(
    python.path,
    [pythonTool('make_model.py'), folder, '--shape', SHAPE],
    { stdin: 'ignore', timeout: TIMEOUT_MS, reject: false, cancelSignal: signal },
  );
  signal.throwIfAborted();
  if (failed) {
    const said = stderr.trimEnd().split('\n').slice(-LINES_SHOWN);
    throw new PegaError(
      'PEGA_UNSUPPORTED',
      `${python.path} can't make the tiny model:\n  ${[shortMessage, ...said].join('\n  ')}`,
      { suggestions: ['name a model of yours with --model'] },
    );
  }
  return { folder, name: SHAPE };
}

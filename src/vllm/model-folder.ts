// From what a user calls a model to the folder that holds it: a path, or the id of a Hugging Face
// repository that was downloaded before. It downloads nothing.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { PegaError } from '../errors.js';

export interface ModelFolder {
  folder: string;
  /** As results and the API call it: the folder's own name, or the repository's id. */
  name: string;
}

const REPOSITORY = /^[\w.-]+(?:\/[\w.-]+)?$/;

export function findModel(model: string, environment: NodeJS.ProcessEnv): ModelFolder {
  const path = resolve(model);
  if (isFile(join(path, 'config.json'))) {
    return { folder: path, name: basename(path) };
  }
  const snapshot = REPOSITORY.test(model) ? snapshotOf(model, hubFolder(environment)) : undefined;
  if (snapshot !== undefined) {
    return { folder: snapshot, name: model };
  }
  throw new PegaError(
    'PEGA_INVALID_ARGUMENT',
    `--model: ${model} is neither a folder with a config.json nor a downloaded Hugging Face repository`,
    { suggestions: ['give the path of a model folder', `download it first: hf download ${model}`] },
  );
}

function hubFolder(environment: NodeJS.ProcessEnv): string {
  const cache = environment.XDG_CACHE_HOME || join(homedir(), '.cache');
  const home = environment.HF_HOME || join(cache, 'huggingface');
  return environment.HF_HUB_CACHE || join(home, 'hub');
}

/** The snapshot that the repository's main branch points to. */
function snapshotOf(repository: string, hub: string): string | undefined {
  const root = join(hub, `models--${repository.replaceAll('/', '--')}`);
  try {
    const [only] = readdirSync(join(root, 'snapshots'));
    const commit = isFile(join(root, 'refs', 'main'))
      ? readFileSync(join(root, 'refs', 'main'), 'utf8').trim()
      : only;
    const folder = join(root, 'snapshots', commit ?? '');
    return isFile(join(folder, 'config.json')) ? folder : undefined;
  } catch {
    return undefined; // never downloaded
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

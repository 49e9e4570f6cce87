// Writes oclif.manifest.json: what `oclif manifest` writes, without the oclif package (it needs Node 22).
//
// With it `pega` loads one command's module instead of all of them: half of its start. Part of
// `npm run build:ts`, because it describes dist/commands.
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Plugin } from '@oclif/core';

const root = fileURLToPath(new URL('..', import.meta.url));
const plugin = new Plugin({
  root,
  type: 'core',
  ignoreManifest: true,
  errorOnManifestCreate: true,
  respectNoCacheDefault: true,
});
await plugin.load();
const { commands } = plugin.manifest;
if (Object.keys(commands).length === 0) {
  throw new Error(`no commands in ${root}dist/commands; build the TypeScript first`);
}
await writeFile(`${root}oclif.manifest.json`, `${JSON.stringify(plugin.manifest, null, 2)}\n`);

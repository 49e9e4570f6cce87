#!/usr/bin/env node
// The command `pega`, from source by tsx: for work on pega itself, needs the development packages.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { execute, settings } from '@oclif/core';

// oclif would look for tsx by itself and takes a build of it that fails.
settings.enableAutoTranspile = false;
const { register } = await import(import.meta.resolve('tsx/esm/api'));
register();

const root = fileURLToPath(new URL('..', import.meta.url));
const pjson = JSON.parse(readFileSync(`${root}package.json`, 'utf8').replaceAll('"./dist/', '"./'));
await execute({ loadOptions: { root, pjson, ignoreManifest: true } });

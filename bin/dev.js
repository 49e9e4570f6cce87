#!/usr/bin/env node
// The command `pega`, from source by tsx: for work on pega itself, needs the development packages.
import { execute } from '@oclif/core';
import { register } from 'tsx/esm/api';

register();
await execute({ development: true, dir: import.meta.url });

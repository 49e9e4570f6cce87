// pega.v1 as gRPC definitions, read from the package's proto file at run time.

import { join } from 'node:path';
import type { ServiceDefinition } from '@grpc/grpc-js';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import { packageRoot } from '../package.js';

const PROTO_FILE = 'pega/v1/pega.proto';

/** All of the file's messages and services; reflection answers from it. */
export const packageDefinition: PackageDefinition = loadSync(PROTO_FILE, {
  includeDirs: [join(packageRoot(), 'proto')],
  keepCase: false,
  longs: Number,
  enums: String,
  defaults: true,
  oneofs: false,
});

function serviceOf(name: string): ServiceDefinition {
  // The loader's and grpc-js's types of a method differ in nothing that is used here.
  return packageDefinition[name] as unknown as ServiceDefinition;
}

export const PEGA_SERVICE = 'pega.v1.Pega';
export const INSPECT_SERVICE = 'pega.v1.Inspect';
export const pegaService = serviceOf(PEGA_SERVICE);
export const inspectService = serviceOf(INSPECT_SERVICE);

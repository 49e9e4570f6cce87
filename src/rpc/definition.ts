// pega.v1 as gRPC definitions, read from the proto file at run time.
//
// The file lies in proto/ of the package, two folders up from the sources and three from dist/.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ServiceDefinition } from '@grpc/grpc-js';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import { PegaError } from '../errors.js';

const PROTO_FILE = 'pega/v1/pega.proto';

function findProtoFolder(): string {
  for (const up of ['../../proto/', '../../../proto/']) {
    const folder = fileURLToPath(new URL(up, import.meta.url));
    if (existsSync(`${folder}${PROTO_FILE}`)) {
      return folder;
    }
  }
  throw new PegaError(
    'PEGA_INTERNAL',
    `proto/${PROTO_FILE} is not in the package that ${import.meta.url} belongs to`,
    { suggestions: ['install pega again'] },
  );
}

/** All of the file's messages and services; reflection answers from it. */
export const packageDefinition: PackageDefinition = loadSync(PROTO_FILE, {
  includeDirs: [findProtoFolder()],
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

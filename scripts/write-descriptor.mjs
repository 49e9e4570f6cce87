// Writes python/pegaflow/client/pega_v1.binpb: pega.proto as a serialized FileDescriptorSet, from
// which the Python package makes its message classes at run time. With --check it writes nothing and
// fails when the committed file is stale.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadSync } from '@grpc/proto-loader';

const root = new URL('../', import.meta.url);
const target = new URL('python/pegaflow/client/pega_v1.binpb', root);

const definition = loadSync('pega/v1/pega.proto', {
  includeDirs: [fileURLToPath(new URL('proto', root))],
  keepCase: true,
});
const files = definition['pega.v1.Caller'].fileDescriptorProtos;

/** FileDescriptorSet has one field: `repeated FileDescriptorProto file = 1`. */
const written = Buffer.concat(
  files.flatMap((file) => [Buffer.from([0x0a, ...varint(file.length)]), file]),
);

function varint(value) {
  const low = value & 0x7f;
  return value > 0x7f ? [low | 0x80, ...varint(value >> 7)] : [low];
}

if (!process.argv.includes('--check')) {
  writeFileSync(target, written);
} else if (!readFileSync(target).equals(written)) {
  process.stderr.write(
    'pega_v1.binpb is not what pega.proto says: run node scripts/write-descriptor.mjs\n',
  );
  process.exitCode = 1;
}

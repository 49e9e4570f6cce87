// A gRPC server that answers every Query at once with the same bytes: what @grpc/grpc-js and http2
// take by themselves for messages of these sizes. For query.ts alone.
//
//   node null-server.mjs SOCKET ANSWER_FILE
import { readFileSync } from 'node:fs';
import grpc from '@grpc/grpc-js';

const [socket, answerFile] = process.argv.slice(2);
const answer = readFileSync(answerFile);
const asItIs = (bytes) => bytes;
const query = {
  path: '/pega.v1.Pega/Query',
  requestStream: false,
  responseStream: false,
  requestSerialize: asItIs,
  requestDeserialize: asItIs,
  responseSerialize: asItIs,
  responseDeserialize: asItIs,
};

const server = new grpc.Server();
server.addService({ query }, { query: (_call, callback) => callback(null, answer) });
server.bindAsync(`unix:${socket}`, grpc.ServerCredentials.createInsecure(), (failure) => {
  if (failure !== null) {
    throw failure;
  }
  process.stdout.write(`ready socket=${socket} pid=${process.pid}\n`);
});
process.on('SIGTERM', () => process.exit(0));

// What a failed call means to its client, where the failure is not the server's answer.

import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { expect, it } from 'vitest';
import { fromStatus } from '../../src/rpc/status.js';

it.each([
  ['a server that is not there', status.UNAVAILABLE, 'No connection established', 'UNAVAILABLE'],
  ['a stream that was reset', status.INTERNAL, 'Received RST_STREAM with code 0', 'UNAVAILABLE'],
  ['a stream that was cancelled', status.CANCELLED, 'Call cancelled', 'UNAVAILABLE'],
  ['a request that cannot be read', status.INTERNAL, 'Error deserializing request', 'INTERNAL'],
  ['a deadline', status.DEADLINE_EXCEEDED, 'Deadline exceeded', 'TIMEOUT'],
])('%s', (_, code, details, expected) => {
  const failure = Object.assign(new Error(details), { code, details, metadata: new Metadata() });
  expect(fromStatus(failure as ServiceError, 'unix:x').code).toBe(`PEGA_${expected}`);
});

it("the server's own code stands, whatever gRPC's is", () => {
  const metadata = new Metadata();
  metadata.set('pega-code', 'PEGA_CANCELLED');
  const details = 'PEGA_CANCELLED: released before\nTry: treat it as a miss';
  const failure = Object.assign(new Error(details), { code: status.ABORTED, details, metadata });
  expect(fromStatus(failure as ServiceError, 'unix:x')).toMatchObject({
    code: 'PEGA_CANCELLED',
    message: 'released before',
  });
});

it('a connection that failed is told by its reason alone', () => {
  const details =
    'No connection established. Last error: Error: connect ENOENT /s. Resolution note: ';
  const failure = Object.assign(new Error(details), {
    code: status.UNAVAILABLE,
    details,
    metadata: new Metadata(),
  });
  expect(fromStatus(failure as ServiceError, 'unix:/s').message).toBe(
    'no pega server answers at unix:/s: connect ENOENT /s',
  );
});

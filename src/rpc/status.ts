// PegaError ↔ gRPC status. The details say code, what was found, what is required and what to try;
// the code travels again as metadata, so that clients need not read the sentence.
//
// A stack or the message of an error that is not ours never leaves the server.

import { Metadata, type ServiceError, type StatusObject, status } from '@grpc/grpc-js';
import { grpcStatusOf, isPegaCode, type PegaCode, PegaError } from '../errors.js';

const CODE_KEY = 'pega-code';
const TRY = '\nTry: ';

export function toStatus(thrown: unknown): StatusObject {
  const error = presentable(thrown);
  const metadata = new Metadata();
  metadata.set(CODE_KEY, error.code);
  return {
    code: grpcStatusOf(error.code),
    details: `${error.code}: ${error.message}${TRY}${error.suggestions.join('; ')}`,
    metadata,
  };
}

function presentable(thrown: unknown): PegaError {
  if (thrown instanceof PegaError) {
    return thrown;
  }
  return new PegaError(
    'PEGA_INTERNAL',
    'the server met an error that it does not know; its log has it',
  );
}

/** What a failed call means, on the client's side. `target` is the server's address, for people. */
export function fromStatus(failure: ServiceError, target: string): PegaError {
  const code = failure.metadata?.get(CODE_KEY)[0];
  if (isPegaCode(code)) {
    const [message = '', suggestions] = failure.details.split(TRY);
    const prefix = `${code}: `;
    return new PegaError(
      code,
      message.startsWith(prefix) ? message.slice(prefix.length) : message,
      {
        ...(suggestions === undefined ? {} : { suggestions: suggestions.split('; ') }),
        cause: failure,
      },
    );
  }
  return new PegaError(codeOfTransport(failure), sentence(failure, target), {
    cause: failure,
  });
}

/**
 * Without a pega-code the server's handler did not answer. A connection that breaks under several
 * calls resets their streams, which gRPC tells as INTERNAL or CANCELLED: nobody has answered then,
 * and what must be repeated until answered is repeated.
 */
function codeOfTransport({ code, details }: ServiceError): PegaCode {
  switch (code) {
    case status.UNAVAILABLE:
    case status.CANCELLED:
      return 'PEGA_UNAVAILABLE';
    case status.INTERNAL:
      return details.startsWith('Received RST_STREAM') ? 'PEGA_UNAVAILABLE' : 'PEGA_INTERNAL';
    case status.DEADLINE_EXCEEDED:
      return 'PEGA_TIMEOUT';
    case status.RESOURCE_EXHAUSTED:
      return 'PEGA_LIMIT';
    case status.UNIMPLEMENTED:
      return 'PEGA_UNSUPPORTED';
    default:
      return 'PEGA_INTERNAL';
  }
}

function sentence(failure: ServiceError, target: string): string {
  const reason = reasonIn(failure.details);
  switch (failure.code) {
    case status.UNAVAILABLE:
      return `no pega server answers at ${target}: ${reason}`;
    case status.DEADLINE_EXCEEDED:
      return `the server at ${target} did not answer in time: ${reason}`;
    default:
      return `the call to ${target} failed: ${reason}`;
  }
}

/** gRPC's details without what it wraps around the reason of a connection that failed. */
function reasonIn(details: string): string {
  return details
    .replace(/^No connection established\. Last error: (?:Error: )?/, '')
    .replace(/ \(\d{4}-\d\d-\d\dT[\d:.]+Z\)/, '')
    .replace(/\. Resolution note: .*$/s, '');
}

// An engine that runs already: its address as typed, and the server behind it where one can be asked.
import { PegaError } from '../errors.js';
import { connectPega, type PegaClient, type PegaTarget } from '../rpc/client.js';

const ANSWER_DEADLINE_MS = 2000;

/** Bytes moved are known only where the server behind the engine can be asked. */
export async function withPega<T>(
  engine: { pega: PegaTarget; pegaIsRequired: boolean },
  use: (pega: PegaClient | null) => Promise<T>,
): Promise<T> {
  const pega = connectPega(engine.pega);
  try {
    const there = await pega.getPool({}, { deadlineMs: ANSWER_DEADLINE_MS }).then(
      () => true,
      (error: unknown) => {
        if (engine.pegaIsRequired) {
          throw error;
        }
        return false;
      },
    );
    return await use(there ? pega : null);
  } finally {
    pega.close();
  }
}

/** Without a trailing slash and without /v1. */
export function baseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new PegaError(
      'PEGA_INVALID_ARGUMENT',
      `--url: "${text}" is not an http or https address`,
      {
        suggestions: ['write it like http://127.0.0.1:8000'],
      },
    );
  }
  const path = url.pathname.replace(/\/+$/, '').replace(/\/v1$/, '');
  return `${url.origin}${path}`;
}

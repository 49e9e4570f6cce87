// One file's server and vLLMs: started in hooks, ended after it, whatever failed.

import { afterAll, beforeAll, expect, inject } from 'vitest';
import type { CompletionOptions } from './completion.js';
import { makePegaServer, type PegaServer } from './pega-server.js';
import { startVllm, type Vllm, type VllmOptions } from './vllm.js';
import type { Expected } from './workload.js';

export interface Suite {
  readonly server: PegaServer;
  readonly grounds: ReturnType<typeof inject<'grounds'>>;
  /** Started before the first test. */
  vllm(name: string): Vllm;
  /** Started now; ended after the file. */
  start(options: VllmOptions): Promise<Vllm>;
}

/** @param options of vLLMs that start at once; `connector` is one on this file's server. */
export function suite(
  serverFlags: Record<string, string>,
  options: readonly (VllmOptions & { connector: boolean })[],
): Suite {
  const grounds = inject('grounds');
  const server = makePegaServer(serverFlags);
  const running = new Map<string, Vllm>();
  const start = async (wanted: VllmOptions): Promise<Vllm> => {
    const vllm = await startVllm(grounds, wanted);
    running.set(wanted.name, vllm);
    return vllm;
  };
  beforeAll(async () => {
    await server.start();
    const starting = options.map(({ connector, ...rest }) =>
      start({ ...rest, ...(connector ? { socket: server.socket } : {}) }),
    );
    // All must have settled before a failure ends the file, so that all are ended.
    const settled = await Promise.allSettled(starting);
    const failed = settled.find(({ status }) => status === 'rejected');
    if (failed?.status === 'rejected') {
      throw failed.reason;
    }
    await server.untilJoined(options.filter(({ connector }) => connector).length);
  });
  afterAll(async () => {
    await Promise.all([...running.values()].map((vllm) => vllm.stop()));
    await server.remove();
  });
  return {
    server,
    grounds,
    vllm: (name) => {
      const vllm = running.get(name);
      if (vllm === undefined) {
        throw new Error(`no vLLM ${name} runs`);
      }
      return vllm;
    },
    start,
  };
}

/** Asks in turn; every answer must be what a vLLM without a connector said. */
export async function expectAnswers(
  vllm: Vllm,
  expected: readonly Expected[],
  cacheSalt?: string,
): Promise<void> {
  for (const one of expected) {
    const { tokens } = await vllm.complete(one.tokens, asksFor(one, cacheSalt));
    expect(tokens, one.name).toEqual(one.answer);
  }
}

/**
 * The same, all at once.
 * @param cacheSalt another one makes a prompt's blocks new, and leaves its answer.
 */
export async function expectAnswersTogether(
  vllm: Vllm,
  expected: readonly Expected[],
  cacheSalt?: string,
): Promise<void> {
  const asked = expected.map((one) => vllm.complete(one.tokens, asksFor(one, cacheSalt)));
  const answers = await Promise.all(asked);
  expect(answers.map(({ tokens }) => tokens)).toEqual(expected.map(({ answer }) => answer));
}

function asksFor({ answerTokens }: Expected, cacheSalt: string | undefined): CompletionOptions {
  return { maxTokens: answerTokens, ...(cacheSalt === undefined ? {} : { cacheSalt }) };
}

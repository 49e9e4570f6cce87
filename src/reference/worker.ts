// The reference worker: a small LLM server on the CPU that keeps its KV in pega (DESIGN §6).
//
// Composes model, block pool, scheduler, connector and HTTP. Real arithmetic, real bytes, the same calls
// as a vLLM with the connector; never used for a published figure.
import { once } from 'node:events';
import type { Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { formatHostPort } from '../config/addresses.js';
import { ReferenceModel } from '../engine/reference-model.js';
import { PegaError } from '../errors.js';
import type { Logger } from '../log.js';
import { rootHash } from './block-hash.js';
import { BlockPool } from './block-pool.js';
import { answerTo } from './completion-answer.js';
import { readCompletionBody } from './completion-body.js';
import { describeEngine, HASH_SEED } from './describe-engine.js';
import { createHttpServer } from './http.js';
import { createMetrics } from './metrics.js';
import type { WorkerOptions } from './options.js';
import { PegaConnector } from './pega-connector.js';
import { blocksNeeded, createRequest } from './request.js';
import { Scheduler } from './scheduler.js';

export interface ReferenceWorker {
  readonly url: string;
  /** Ends requests, copies and the way to the server, in this order. */
  stop(): Promise<void>;
}

export async function startReferenceWorker(
  options: WorkerOptions,
  version: string,
  logger: Logger,
): Promise<ReferenceWorker> {
  const { shape } = options;
  const model = ReferenceModel.create({
    shape,
    seed: options.seed,
    blockCount: options.blocks,
    threads: options.threads,
  });
  const pool = new BlockPool(options.blocks);
  const root = rootHash(HASH_SEED);
  const connector =
    options.target === undefined
      ? undefined
      : new PegaConnector({
          target: options.target,
          description: describeEngine(model, options, `pega-reference ${version}`),
          logger,
          pool,
          blockTokens: shape.blockTokens,
          wake: () => scheduler.wake(),
        });
  const metrics = createMetrics(options.model, connector !== undefined, {
    running: () => scheduler.runningCount,
    waiting: () => scheduler.waitingCount,
    kvUsage: () => pool.usedCount / pool.blockCount,
  });
  const scheduler = new Scheduler({
    forward: (chunks) => model.forward(chunks),
    pool,
    connector,
    root,
    blockTokens: shape.blockTokens,
    chunkTokens: options.chunkTokens,
    maxRunning: options.maxRunning,
    observer: metrics,
  });
  const server = createHttpServer({
    model: options.model,
    contextTokens: shape.context,
    complete: completions(options, pool, scheduler),
    resetPrefixCache: () => scheduler.resetPrefixCache(),
    metrics: async () => ({ contentType: metrics.contentType, text: await metrics.text() }),
  });
  const address = await listen(server, options);
  await connector?.start();
  return {
    url: `http://${formatHostPort(address)}`,
    stop: async () => {
      server.close();
      await scheduler.stop();
      server.closeAllConnections();
      await connector?.stop(new PegaError('PEGA_CANCELLED', 'the worker is stopping'));
    },
  };
}

function completions(options: WorkerOptions, pool: BlockPool, scheduler: Scheduler) {
  const root = rootHash(HASH_SEED);
  const { blockTokens, context, vocab } = options.shape;
  const limits = { model: options.model, vocabulary: vocab, contextTokens: context };
  let count = 0;
  return (body: string, response: ServerResponse): void => {
    const order = readCompletionBody(body, limits);
    count += 1;
    const id = `cmpl-${process.pid}-${count}`;
    const answer = answerTo(response, { ...order, id, model: options.model });
    const request = createRequest({
      ...order,
      id,
      root,
      blockTokens,
      listener: {
        onToken: answer.add,
        onEnd: (reason, failure) => answer.end(request, reason, failure),
      },
    });
    const blocks = blocksNeeded(request, blockTokens);
    if (blocks > pool.blockCount) {
      throw new PegaError(
        'PEGA_INVALID_ARGUMENT',
        `prompt and answer need ${blocks} KV blocks; the worker has ${pool.blockCount}`,
        { suggestions: ['send less, or start the worker with more --blocks'] },
      );
    }
    response.on('close', () => {
      if (request.state !== 'ended') {
        scheduler.abort(request);
      }
    });
    scheduler.submit(request);
  };
}

async function listen(server: Server, { host, port }: WorkerOptions): Promise<AddressOf> {
  server.listen({ host, port });
  try {
    await once(server, 'listening');
  } catch (cause) {
    const taken = (cause as NodeJS.ErrnoException).code === 'EADDRINUSE';
    throw new PegaError(
      taken ? 'PEGA_ADDRESS_IN_USE' : 'PEGA_IO',
      `can't listen on ${formatHostPort({ host, port })}: ${String((cause as Error).message)}`,
      { cause, suggestions: ['choose a free address of this machine with --host and --port'] },
    );
  }
  return { host, port: (server.address() as AddressInfo).port };
}

interface AddressOf {
  host: string;
  port: number;
}

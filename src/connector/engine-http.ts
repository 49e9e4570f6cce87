// What a running vLLM tells over HTTP without being changed by it: health, version, metrics, routes.
import { request } from 'undici';
import { z } from 'zod';
import { PegaError } from '../errors.js';
import { parseExposition, type Sample } from '../vllm/exposition.js';

const ANSWER_TIMEOUT_MS = 10_000;
const versionShape = z.object({ version: z.string() });

export interface EngineAnswers {
  /** HTTP status of /health. */
  health: number;
  /** Null where it has no /version: no vLLM. */
  version: string | null;
  /** Empty where it has no /metrics. */
  samples: Sample[];
  /** VLLM_SERVER_DEV_MODE=1: the routes that `pega bench ttft --url` needs are there. */
  devMode: boolean;
}

/** PEGA_UNAVAILABLE where nothing answers. */
export async function askEngine(url: string, signal: AbortSignal): Promise<EngineAnswers> {
  const base = engineUrl(url);
  const health = await get(base, '/health', signal);
  const version = await get(base, '/version', signal);
  const metrics = await get(base, '/metrics', signal);
  // The route takes POST alone; GET says whether it is there and resets nothing.
  const reset = await get(base, '/reset_prefix_cache', signal);
  return {
    health: health.status,
    version: versionOf(version),
    samples: metrics.status === 200 ? parseExposition(metrics.text) : [],
    devMode: reset.status === 405,
  };
}

/** The address without what some write behind it: /, /v1. */
export function engineUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new PegaError('PEGA_INVALID_ARGUMENT', `--url "${text}" is no address of an engine`, {
      suggestions: ['write it like http://127.0.0.1:8000'],
    });
  }
  return `${url.origin}${url.pathname}`.replace(/\/+(v1\/*)?$/, '');
}

interface Answer {
  status: number;
  text: string;
}

async function get(base: string, path: string, signal: AbortSignal): Promise<Answer> {
  try {
    const { statusCode, body } = await request(`${base}${path}`, {
      headersTimeout: ANSWER_TIMEOUT_MS,
      bodyTimeout: ANSWER_TIMEOUT_MS,
      signal,
    });
    return { status: statusCode, text: await body.text() };
  } catch (thrown) {
    signal.throwIfAborted();
    const { message, code } = thrown as { message?: string; code?: string };
    throw new PegaError('PEGA_UNAVAILABLE', `${base}${path}: ${message || code || 'no answer'}`, {
      cause: thrown,
    });
  }
}

function versionOf({ status, text }: Answer): string | null {
  if (status !== 200) {
    return null;
  }
  try {
    return versionShape.parse(JSON.parse(text)).version;
  } catch {
    return null;
  }
}

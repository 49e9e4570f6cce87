// An answer of /v1/completions on its way to the client: at once, or token by token as server-sent events.
import type { ServerResponse } from 'node:http';
import type { EndReason, Request } from './request.js';

export interface AnswerOptions {
  id: string;
  model: string;
  stream: boolean;
  includeUsage: boolean;
}

export interface CompletionAnswer {
  add(token: number): void;
  end(request: Request, reason: EndReason, failure?: Error): void;
}

export function answerTo(response: ServerResponse, options: AnswerOptions): CompletionAnswer {
  return options.stream ? streamed(response, options) : whole(response, options);
}

/** One word a token; the first has no space before it. */
function wordOf(token: number, isFirst: boolean): string {
  return isFirst ? `t${token}` : ` t${token}`;
}

function head(options: AnswerOptions) {
  const created = Math.floor(Date.now() / 1000);
  return { id: options.id, object: 'text_completion', created, model: options.model };
}

function choice(text: string, tokenIds: number[], finishReason: string | null) {
  return { index: 0, text, logprobs: null, finish_reason: finishReason, token_ids: tokenIds };
}

function usageOf(request: Request) {
  const answerTokens = request.tokenCount - request.promptTokens;
  return {
    prompt_tokens: request.promptTokens,
    completion_tokens: answerTokens,
    total_tokens: request.tokenCount,
    prompt_tokens_details: { cached_tokens: request.localTokens + request.externalTokens },
  };
}

/** OpenAI's form of an error. */
export function errorBody(message: string, status: number, code: string) {
  return {
    error: { message, type: status < 500 ? 'invalid_request_error' : 'server_error', code },
  };
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  if (!response.headersSent && !response.destroyed) {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(`${JSON.stringify(body)}\n`);
  }
}

function whole(response: ServerResponse, options: AnswerOptions): CompletionAnswer {
  const tokens: number[] = [];
  return {
    add: (token) => tokens.push(token),
    end: (request, reason, failure) => {
      if (reason !== 'length') {
        sendJson(response, 500, errorBody(endMessage(failure), 500, 'PEGA_INTERNAL'));
        return;
      }
      const text = tokens.map((token, index) => wordOf(token, index === 0)).join('');
      const choices = [choice(text, tokens, reason)];
      sendJson(response, 200, { ...head(options), choices, usage: usageOf(request) });
    },
  };
}

function streamed(response: ServerResponse, options: AnswerOptions): CompletionAnswer {
  const write = (body: unknown) => {
    if (!response.headersSent) {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
    }
    if (!response.destroyed) {
      response.write(`data: ${JSON.stringify(body)}\n\n`);
    }
  };
  let isFirst = true;
  return {
    add: (token) => {
      write({ ...head(options), choices: [choice(wordOf(token, isFirst), [token], null)] });
      isFirst = false;
    },
    end: (request, reason, failure) => {
      if (reason === 'length') {
        write({ ...head(options), choices: [choice('', [], reason)] });
        if (options.includeUsage) {
          write({ ...head(options), choices: [], usage: usageOf(request) });
        }
        response.end('data: [DONE]\n\n');
      } else {
        write(errorBody(endMessage(failure), 500, 'PEGA_INTERNAL'));
        response.end();
      }
    },
  };
}

function endMessage(failure: Error | undefined): string {
  return failure === undefined ? 'the worker is stopping' : failure.message;
}

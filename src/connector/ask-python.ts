// Runs one of the package's scripts in an interpreter and reads the JSON on its last line.
import { execa } from 'execa';
import type { z } from 'zod';
import { PegaError } from '../errors.js';
import { pythonTool } from '../vllm/bundled.js';

/** Importing vLLM takes minutes where nothing of it is in the page cache. */
const TIMEOUT_MS = 180_000;

export type ConnectorScript = 'interpreter_facts.py' | 'check_connector.py' | 'unpack_wheel.py';

export interface ScriptEnd {
  exitCode: number | undefined;
  /** Why it failed: what it said last, or how it ended. */
  reason: string;
  stdout: string;
}

export async function runScript(
  python: string,
  script: ConnectorScript,
  args: readonly string[],
  signal: AbortSignal,
): Promise<ScriptEnd> {
  const result = await execa(python, [pythonTool(script), ...args], {
    // Ours are read-only tools: nothing compiled is left beside them.
    env: { PYTHONDONTWRITEBYTECODE: '1' },
    stdin: 'ignore',
    timeout: TIMEOUT_MS,
    reject: false,
    cancelSignal: signal,
  });
  signal.throwIfAborted();
  const said = result.stderr?.trimEnd().split('\n').at(-1);
  return {
    exitCode: result.exitCode,
    reason: result.timedOut
      ? `no answer in ${TIMEOUT_MS / 1000} s`
      : said || (result.shortMessage ?? 'it said nothing'),
    stdout: result.stdout ?? '',
  };
}

/** What the script answered, or a PEGA_CHECK_FAILED that says why there is no answer. */
export async function askScript<Shape extends z.ZodType>(
  python: string,
  script: ConnectorScript,
  shape: Shape,
  signal: AbortSignal,
): Promise<z.infer<Shape>> {
  const end = await runScript(python, script, [], signal);
  const answer = shape.safeParse(parseJson(end.stdout.trimEnd().split('\n').at(-1) ?? ''));
  if (!answer.success) {
    throw new PegaError(
      'PEGA_CHECK_FAILED',
      `${python} can't be asked (${script}): ${end.reason}`,
      { suggestions: ['name the interpreter of your vLLM with --python'] },
    );
  }
  return answer.data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

// The expected answers of the float32 suites: what one vLLM without a connector says, asked once for all.
//
// vitest's global set-up. It also asks 16 prompts at once, for the test that shows that batches change
// nothing, and makes the tiny model.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import type { TestProject } from 'vitest/node';
import { pythonTool } from '../../../src/vllm/bundled.js';
import { choosePython, requireVllm } from '../../../src/vllm/interpreter.js';
import { type Grounds, startVllm, type Vllm } from './vllm.js';
import { type Expected, FLOAT32_PROMPTS, GROWING_PROMPTS, type Prompt } from './workload.js';

declare module 'vitest' {
  export interface ProvidedContext {
    grounds: Grounds;
  }
}

interface ExpectedAnswers {
  float32: Expected[];
  growing: Expected[];
  /** Answers to the first prompts, asked at the same time. */
  together: number[][];
}

export const TOGETHER = 16;

const fileIn = (scratch: string): string => join(scratch, 'expected.json');

export default async function setup(project: TestProject): Promise<() => void> {
  const scratch = mkdtempSync(join(tmpdir(), 'pega-vllm-'));
  const model = join(scratch, 'tiny');
  const remove = (): void => rmSync(scratch, { recursive: true, force: true });
  try {
    // PEGA_VLLM_PYTHON, which scripts/test-vllm.mjs sets.
    const python = await requireVllm(choosePython(undefined, process.env));
    mkdirSync(model);
    await execa(python.path, [pythonTool('make_model.py'), model, '--shape', 'tiny']);
    const grounds = { python, model, scratch };
    writeFileSync(fileIn(scratch), JSON.stringify(await askWithoutConnector(grounds)));
    project.provide('grounds', grounds);
  } catch (failure) {
    remove();
    throw failure;
  }
  return remove;
}

async function askWithoutConnector(grounds: Grounds): Promise<ExpectedAnswers> {
  const vllm = await startVllm(grounds, { name: 'expected', dtype: 'float32' });
  try {
    const float32 = await askInTurn(vllm, FLOAT32_PROMPTS);
    const growing = await askInTurn(vllm, GROWING_PROMPTS);
    await vllm.reset();
    const together = await askTogether(vllm, FLOAT32_PROMPTS.slice(0, TOGETHER));
    return { float32, growing, together };
  } finally {
    await vllm.stop();
  }
}

export function readExpected({ scratch }: Grounds): ExpectedAnswers {
  return JSON.parse(readFileSync(fileIn(scratch), 'utf8')) as ExpectedAnswers;
}

export async function askInTurn(vllm: Vllm, prompts: readonly Prompt[]): Promise<Expected[]> {
  const answers: Expected[] = [];
  for (const prompt of prompts) {
    const { tokens } = await vllm.complete(prompt.tokens, { maxTokens: prompt.answerTokens });
    answers.push({ ...prompt, answer: tokens });
  }
  return answers;
}

export async function askTogether(vllm: Vllm, prompts: readonly Prompt[]): Promise<number[][]> {
  const asked = prompts.map(({ tokens, answerTokens }) =>
    vllm.complete(tokens, { maxTokens: answerTokens }),
  );
  return (await Promise.all(asked)).map(({ tokens }) => tokens);
}

export const answersOf = (expected: readonly Expected[]): number[][] =>
  expected.map(({ answer }) => answer);

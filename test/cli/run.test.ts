// bin/run.js and bin/dev.js: what they say without a build, wrong words, version and help.
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterEach, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

let folder: string | undefined;

afterEach(async () => {
  await rm(folder ?? '', { recursive: true, force: true });
  folder = undefined;
});

const node = (program: string, ...args: string[]) =>
  execa(process.execPath, [program, ...args], { reject: false });

describe('bin/run.js', () => {
  it('says what to run when nothing is installed or built', async () => {
    folder = await mkdtemp(join(tmpdir(), 'pega-run-'));
    await cp(`${ROOT}bin`, join(folder, 'bin'), { recursive: true });
    await cp(`${ROOT}package.json`, join(folder, 'package.json'));
    const program = join(folder, 'bin/run.js');
    const bare = await node(program, '--version');
    expect(bare).toMatchObject({ exitCode: 69, stdout: '' });
    expect(bare.stderr).toMatch(/not installed[\s\S]*Try: run `npm ci`/);
    await mkdir(join(folder, 'node_modules/@oclif/core'), { recursive: true });
    const unbuilt = await node(program, '--version');
    expect(unbuilt).toMatchObject({ exitCode: 69, stdout: '' });
    expect(unbuilt.stderr).toMatch(/not built[\s\S]*Try: run `npm run build`/);
  });

  it.each(['run', 'dev'])('bin/%s.js knows its commands', async (name) => {
    const { exitCode, stdout } = await node(`${ROOT}bin/${name}.js`, '--help');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/bench/);
    expect(stdout).toMatch(/inspect/);
    expect((await node(`${ROOT}bin/${name}.js`, '--version')).stdout).toMatch(/^pega\/\d/);
  });

  it('names the nearest command for a word that is none', async () => {
    const plain = await node(`${ROOT}bin/run.js`, 'bench', 'tfft');
    expect(plain.exitCode).toBe(2);
    expect(plain.stderr).toContain('did you mean `pega bench ttft`?');
    const json = await node(`${ROOT}bin/run.js`, 'frobnicate', '--json');
    expect(json.exitCode).toBe(2);
    expect(JSON.parse(json.stdout)).toMatchObject({ error: { code: 'PEGA_USAGE', exit: 2 } });
  });
});

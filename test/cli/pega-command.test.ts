// PegaCommand in a process of its own: exit codes, errors and signals with and without --json.
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';

const PROGRAM = fileURLToPath(new URL('fixture-cli/run.mjs', import.meta.url));

const run = (...args: string[]) => execa(process.execPath, [PROGRAM, ...args], { reject: false });

const FAILURES = [
  { args: ['end', 'unavailable'], exit: 69, code: 'PEGA_UNAVAILABLE', message: /^no server here$/ },
  { args: ['end', 'native-error'], exit: 69, code: 'PEGA_NO_SPACE', message: /the folder is full/ },
  { args: ['end', 'bug'], exit: 70, code: 'PEGA_INTERNAL', message: /x is not a function/ },
  { args: ['end', 'error-98'], exit: 98, code: 'PEGA_CHECK_FAILED', message: /^not sure$/ },
  {
    args: ['end', 'result', '--count', '1', '--count', '2'],
    exit: 2,
    code: 'PEGA_USAGE',
    message: /^Flag --count can only be specified once$/,
  },
  { args: ['end', 'result', '--bogus'], exit: 2, code: 'PEGA_USAGE', message: /--bogus/ },
  {
    args: ['end', 'result', '--count', 'x'],
    exit: 2,
    code: 'PEGA_USAGE',
    message: /^--count: expected an integer/,
  },
  { args: ['end', 'result', '--count', '0'], exit: 2, code: 'PEGA_USAGE', message: /1/ },
  { args: ['end', 'nowhere'], exit: 2, code: 'PEGA_USAGE', message: /nowhere/ },
  { args: ['end'], exit: 2, code: 'PEGA_USAGE', message: /way/ },
  { args: ['end', 'result', 'more'], exit: 2, code: 'PEGA_USAGE', message: /more/ },
];

describe.concurrent('a failure', () => {
  it.each(FAILURES)('$args ends with $exit and $code', async ({ args, exit, code, message }) => {
    const { exitCode, stdout, stderr } = await run(...args);
    expect(exitCode).toBe(exit);
    expect(stdout).toBe('');
    const [first = '', second, ...rest] = stderr.split('\n');
    expect(first.slice(0, 'Error: '.length)).toBe('Error: ');
    expect(first.slice('Error: '.length)).toMatch(message);
    expect(second).toBe(`Code: ${code}`);
    expect(rest.some((line) => line.startsWith('Try: '))).toBe(true);
  });

  it.each(FAILURES)('$args --json ends with $exit too', async ({ args, exit, code, message }) => {
    const { exitCode, stdout } = await run(...args, '--json');
    expect(exitCode).toBe(exit);
    const answer = JSON.parse(stdout);
    expect(Object.keys(answer)).toEqual(['error']);
    expect(Object.keys(answer.error)).toEqual(['code', 'message', 'exit', 'suggestions']);
    expect(answer.error).toMatchObject({ code, exit, message: expect.stringMatching(message) });
    expect(answer.error.suggestions.length).toBeGreaterThan(0);
    // Neither the command line's configuration nor the cause leaks.
    expect(stdout).not.toMatch(/fixture-cli|secret|node_modules/);
  });

  it('names the nearest flag for one that does not exist', async () => {
    const { stderr } = await run('end', 'result', '--cuont=1');
    expect(stderr).toContain('\nTry: did you mean --count?\n');
  });

  it('lists every suggestion', async () => {
    const { stderr } = await run('end', 'unavailable');
    expect(stderr).toBe(
      'Error: no server here\nCode: PEGA_UNAVAILABLE\nTry: start one\nTry: or two',
    );
  });

  it('shows where a bug is, on stderr only', async () => {
    const { stdout, stderr } = await run('end', 'bug', '--json');
    expect(stderr).toMatch(/at End\.run/);
    expect(stdout).not.toMatch(/at End\.run/);
  });
});

describe.concurrent('a result', () => {
  it.each([
    { way: 'result', exit: 0 },
    { way: 'failed-check', exit: 1 },
  ])('$way ends with $exit and is printed', async ({ way, exit }) => {
    expect(await run('end', way)).toMatchObject({ exitCode: exit, stdout: 'a table', stderr: '' });
    const { exitCode, stdout } = await run('end', way, '--json');
    expect(exitCode).toBe(exit);
    expect(JSON.parse(stdout)).toEqual({ way });
  });

  it('is printed also when nobody reads stderr any more', async () => {
    const child = execa(process.execPath, [PROGRAM, 'end', 'talkative'], {
      reject: false,
      buffer: { stderr: false },
    });
    child.stderr.destroy();
    expect(await child).toMatchObject({ exitCode: 0, stdout: 'a table' });
  });

  it.each([[], ['--json']])('exit() keeps its code %s', async (...json) => {
    expect((await run('end', 'exit-99', ...json)).exitCode).toBe(99);
  });
});

async function interrupt(args: string[], signals: NodeJS.Signals[]) {
  const child = execa(process.execPath, [PROGRAM, 'wait', ...args], { reject: false });
  const left = [...signals];
  for await (const _ of child.iterable()) {
    const signal = left.shift();
    if (signal !== undefined) {
      child.kill(signal);
    }
  }
  return child;
}

describe.concurrent('a signal', () => {
  it.each([
    { as: 'work', signals: ['SIGINT'], exit: 130 },
    { as: 'work', signals: ['SIGTERM'], exit: 130 },
    { as: 'service', signals: ['SIGINT'], exit: 0 },
    { as: 'service', signals: ['SIGTERM'], exit: 0 },
    { as: 'service', signals: ['SIGHUP'], exit: 0 },
    { as: 'nothing', signals: ['SIGINT'], exit: 130 },
    { as: 'stubborn', signals: ['SIGTERM', 'SIGINT'], exit: 130 },
  ] as const)('$signals ends $as with $exit', async ({ as, signals, exit }) => {
    const { exitCode, signal } = await interrupt([as], [...signals]);
    expect({ exitCode, signal }).toEqual({ exitCode: exit, signal: undefined });
  });

  it('keeps 130 and says so under --json', async () => {
    const { exitCode, stdout } = await interrupt(['work', '--json'], ['SIGINT']);
    expect(exitCode).toBe(130);
    expect(JSON.parse(stdout.slice(stdout.indexOf('{')))).toMatchObject({
      error: { code: 'PEGA_INTERRUPTED', exit: 130 },
    });
  });
});

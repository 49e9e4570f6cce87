// The configuration of `pega serve`: which source wins, and what is refused with which words.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type ConfigSources,
  resolveServeConfig,
  variableOf,
} from '../../src/config/serve-config.js';
import { SERVE_OPTION_NAMES } from '../../src/config/serve-options.js';

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pega-config-'));
  file = join(folder, 'pega.yaml');
});
afterEach(() => rmSync(folder, { recursive: true }));

const resolve = (sources: Partial<ConfigSources>) =>
  resolveServeConfig({ flags: {}, environment: {}, file: undefined, ...sources });

const GB = 1024 ** 3;

describe('precedence', () => {
  it('has defaults', () => {
    expect(resolve({})).toEqual({
      address: { host: '127.0.0.1', port: 50055 },
      httpAddress: { host: '127.0.0.1', port: 9091 },
      socketPath: undefined,
      group: undefined,
      devices: [0],
      poolBytes: 30 * GB,
      poolDir: '/dev/shm',
      slabDir: undefined,
      hugePages: 'auto',
      numaNode: 'auto',
      logLevel: 'info',
    });
  });

  it('is flags, variables, file, defaults', () => {
    writeFileSync(file, 'pool-size: 1gb\ndevice: 1\nlog-level: warn\naddr: 127.0.0.1:1\n');
    const config = resolve({
      flags: { 'pool-size': '3gb' },
      environment: { PEGA_POOL_SIZE: '2gb', PEGA_DEVICE: '2,3' },
      file,
    });
    expect(config).toMatchObject({
      poolBytes: 3 * GB,
      devices: [2, 3],
      logLevel: 'warn',
      httpAddress: { port: 9091 },
    });
  });

  it('takes the file from PEGA_CONFIG, and the flag before it', () => {
    writeFileSync(file, 'pool-size: 1gb\n');
    expect(resolve({ environment: { PEGA_CONFIG: file } }).poolBytes).toBe(GB);
    const missing = { environment: { PEGA_CONFIG: '/not/there' }, file };
    expect(resolve(missing).poolBytes).toBe(GB);
  });

  it('takes an empty variable for an unset one, and other PEGA_ variables for none of ours', () => {
    const environment = { PEGA_POOL_SIZE: '', PEGA_CONFIG: '', PEGA_OTHER: 'x' };
    expect(resolve({ environment }).poolBytes).toBe(30 * GB);
  });

  it.each(SERVE_OPTION_NAMES)('%s can come from its variable', (option) => {
    const values: Record<string, string> = {
      addr: '[::1]:5',
      socket: '/tmp/s',
      group: 'g',
      device: 'cpu',
      'pool-size': '1gb',
      'pool-dir': '/a',
      'slab-dir': '/b',
      'huge-pages': 'off',
      'numa-node': '1',
      'http-addr': 'localhost:0',
      'log-level': 'trace',
    };
    const changed = resolve({ environment: { [variableOf(option)]: values[option] } });
    expect(changed).not.toEqual(resolve({}));
  });

  it('is frozen', () => {
    const config = resolve({ flags: { device: '0,1' } });
    for (const value of [config, config.address, config.httpAddress, config.devices]) {
      expect(Object.isFrozen(value)).toBe(true);
    }
  });
});

describe('refusals name the place', () => {
  it.each([
    ['addr', '127.0.0.1', 'HOST:PORT'],
    ['addr', '127.0.0.1:65536', '65535'],
    ['addr', '::1:50055', 'HOST:PORT'],
    ['addr', '[127.0.0.1]:1', 'HOST:PORT'],
    ['addr', 'a b:1', 'HOST:PORT'],
    ['device', 'gpu', 'GPU numbers'],
    ['device', '0,0', 'each once'],
    ['device', '', 'GPU numbers'],
    ['pool-dir', 'relative', 'full path'],
    ['pool-size', '30 g b', 'size'],
    ['pool-size', '1mb', '16.0 MiB to 8.0 TiB'],
    ['pool-size', '9tb', '16.0 MiB to 8.0 TiB'],
    ['huge-pages', 'yes', 'auto, off or require'],
    ['numa-node', '-1', "node's number, auto or off"],
    ['log-level', 'loud', '"loud" is no log level; required is one of trace'],
    ['socket', '', 'path'],
    ['group', '', 'name'],
  ])('--%s=%s', (option, value, words) => {
    expect(() => resolve({ flags: { [option]: value } })).toThrow(
      expect.objectContaining({
        code: 'PEGA_INVALID_ARGUMENT',
        message: expect.stringMatching(new RegExp(`^--${option}: .*${words}`, 's')),
      }),
    );
  });

  it('of a variable', () => {
    expect(() => resolve({ environment: { PEGA_POOL_SIZE: 'x' } })).toThrow(
      expect.objectContaining({
        code: 'PEGA_CONFIG',
        message: expect.stringContaining('PEGA_POOL_SIZE: "x" is not a size'),
      }),
    );
  });

  it.each([
    ['pool_size: 1gb', 'did you mean "pool-size"?'],
    ['Pool-Size: 1gb', 'did you mean "pool-size"?'],
    ['addres: x', 'did you mean "addr"?'],
    ['something-else: 1', 'known options: addr'],
  ])('of an unknown key: %s', (content, suggestion) => {
    writeFileSync(file, content);
    expect(() => resolve({ file })).toThrow(
      expect.objectContaining({
        code: 'PEGA_CONFIG',
        message: expect.stringContaining(file),
        suggestions: [expect.stringContaining(suggestion)],
      }),
    );
  });

  it.each([
    ['- a', 'no mapping'],
    ['pool-size', 'no mapping'],
    ['pool-size: [1gb]', 'one text or number'],
    ['pool-size:', 'one text or number'],
    ['a: b: c', 'YAML'],
    ['pool-size: 1gb\npool-size: 2gb', 'YAML'],
    ['pool-size: 1 gb', 'pool-size: "1 gb" is not a size'],
  ])('of a file that says %j', (content, words) => {
    writeFileSync(file, content);
    expect(() => resolve({ file })).toThrow(
      expect.objectContaining({ code: 'PEGA_CONFIG', message: expect.stringContaining(words) }),
    );
  });

  it('of a file that is not there; an empty one is fine', () => {
    expect(() => resolve({ file })).toThrow(
      expect.objectContaining({
        code: 'PEGA_CONFIG',
        message: expect.stringMatching(/cannot be read: ENOENT/),
        suggestions: [expect.stringContaining('--config')],
      }),
    );
    writeFileSync(file, '# nothing\n');
    expect(resolve({ file })).toEqual(resolve({}));
  });
});

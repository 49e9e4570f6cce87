// Whether huge pages are asked for: on made-up machines, written as files, and on this one.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HugePages } from '../../src/config/serve-options.js';
import { chooseHugePages } from '../../src/server/huge-pages.js';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'pega-machine-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function machine(shmemEnabled: string | undefined, shmOptions: string): void {
  const file = (path: string, content: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  };
  if (shmemEnabled !== undefined) {
    const words = 'always within_size advise never deny force'.replace(
      shmemEnabled,
      `[${shmemEnabled}]`,
    );
    file('sys/kernel/mm/transparent_hugepage/shmem_enabled', `${words}\n`);
  }
  file(
    'proc/self/mounts',
    `none / ext4 rw 0 0\ntmpfs /dev/shm tmpfs ${shmOptions} 0 0\nnone /mnt/huge hugetlbfs rw 0 0\n`,
  );
}

const choose = (wanted: HugePages, folder = '/dev/shm') => chooseHugePages(wanted, folder, root);

describe('a tmpfs', () => {
  it.each([
    ['never', 'rw,huge=advise', true],
    ['never', 'rw,huge=within_size,size=9k', true],
    ['always', 'rw,huge=always', true],
    ['advise', 'rw', false],
    ['never', 'rw,huge=never', false],
    ['deny', 'rw,huge=always', false],
    ['force', 'rw', true],
    [undefined, 'rw,huge=always', false],
  ])('with shmem_enabled %s, mounted %s: %s', (shmemEnabled, options, given) => {
    machine(shmemEnabled, options);
    expect(choose('auto')).toBe(given);
    expect(choose('off')).toBe(false);
    if (given) {
      expect(choose('require')).toBe(true);
    } else {
      expect(() => choose('require')).toThrow(
        expect.objectContaining({ code: 'PEGA_UNSUPPORTED' }),
      );
    }
  });

  it('is refused with the command that allows them', () => {
    machine('never', 'rw');
    expect(() => choose('require')).toThrow(
      expect.objectContaining({
        message: expect.stringContaining('/dev/shm is mounted without huge pages'),
        suggestions: [
          expect.stringContaining('mount -o remount,huge=advise /dev/shm'),
          expect.stringContaining('--slab-dir'),
        ],
      }),
    );
    machine('deny', 'rw,huge=advise');
    expect(() => choose('require')).toThrow(
      expect.objectContaining({ message: expect.stringContaining('says deny') }),
    );
  });
});

it('hugetlbfs has nothing else: there is nothing to ask for', () => {
  machine('never', 'rw');
  expect(choose('require', '/mnt/huge/pega')).toBe(false);
});

it('reads this machine', () => {
  expect([true, false]).toContain(chooseHugePages('auto', '/dev/shm'));
});

// Packs a pega that runs on a GPU host without Node, network or build tools: `node scripts/gpu/pack.mjs OUT.tar.xz`.
//
// Takes this clone as `npm run build` left it, and the Node that runs this, stripped. In the archive is
// one folder, pega/: `bin/node` beside the commands, production dependencies only, the Python package and
// its wheel, the scripts of this folder and what they share with the tests, and the native sources, to
// build again where the libc is older. For x86-64 or arm64 as this machine is. Needs tar, xz and strip.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const HELP = `node scripts/gpu/pack.mjs OUT.tar.xz [--fast]

  --fast  compress less: seconds instead of a minute, a third larger
`;
const PARTS = [
  'bin',
  'dist',
  'proto',
  'build/release/pega.node',
  'build/release/libpega.so',
  'package.json',
  'oclif.manifest.json',
  'python',
  'native',
  'scripts/gpu',
  'test/python/support',
  'LICENSE',
];
/** Nobody needs them to run anything. */
const LEFT_OUT = /(\.d\.[cm]?ts|\.[cm]?[jt]s\.map|\.tsbuildinfo|\.pyc|\/__pycache__|\/tests?)$/;

/** Folders of packages that are there without --dev, nested ones too. */
function productionPackages() {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'));
  return Object.entries(packages)
    .filter(([path, { dev, devOptional }]) => path !== '' && !dev && !devOptional)
    .map(([path]) => path);
}

function run(command, args, env = {}) {
  const { error, status } = spawnSync(command, args, {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...env },
  });
  if (error !== undefined || status !== 0) {
    throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? `exit code ${status}`}`);
  }
}

function fill(folder) {
  const copy = (path, filter) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    cpSync(join(ROOT, path), join(folder, path), { recursive: true, filter });
  };
  for (const path of PARTS) {
    copy(path, (source) => !LEFT_OUT.test(source.slice(join(ROOT, path).length)));
  }
  for (const path of productionPackages()) {
    const at = join(ROOT, path);
    // A package's own packages are in the list by themselves.
    copy(path, (source) => {
      const inside = source.slice(at.length);
      return !inside.endsWith('/node_modules') && !LEFT_OUT.test(inside);
    });
  }
  const node = join(folder, 'bin/node');
  cpSync(process.execPath, node);
  run('strip', ['--strip-all', node]);
}

function main() {
  const { values, positionals } = parseArgs({
    options: { fast: { type: 'boolean', default: false }, help: { type: 'boolean' } },
    allowPositionals: true,
  });
  if (values.help || positionals.length !== 1) {
    process.stdout.write(HELP);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  const archive = resolve(positionals[0]);
  const folder = mkdtempSync(join(tmpdir(), 'pega-pack-'));
  try {
    fill(join(folder, 'pega'));
    const level = values.fast ? '-3' : '-9';
    const tar = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '-C', folder];
    run('tar', [...tar, '-cJf', archive, 'pega'], { XZ_OPT: `${level} -T2` });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const mebibytes = statSync(archive).size / 1024 ** 2;
  process.stdout.write(`${archive}: ${mebibytes.toFixed(1)} MiB\n`);
}

main();

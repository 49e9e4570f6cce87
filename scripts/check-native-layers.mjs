// Checks the arrows between the native rooms: which room may #include which, and who may see N-API
// or CUDA headers. Part of `npm run check`; test/repository/native-layers.test.ts plants wrong arrows.
//
// It reads #include lines only. That rooms also link no more than they include is CMake's business.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Room → rooms whose headers it may include, besides its own. A room that is missing here is an error. */
export const ROOMS = {
  base: [],
  shared: ['base'],
  pool: ['shared', 'base'],
  transfer: ['shared', 'base'],
  cuda: ['transfer', 'shared', 'base'],
  gauge: ['cuda', 'transfer', 'shared', 'base'],
  reference: ['base'],
  c: ['cuda', 'transfer', 'shared', 'base'],
  node: ['pool', 'gauge', 'cuda', 'transfer', 'reference', 'shared', 'base'],
  bench: ['pool', 'shared', 'base'],
};

/** Headers of the outside that only some rooms may see. */
export const GUARDED_HEADERS = [
  {
    pattern: /^(napi(-inl)?|node_api(_types)?|js_native_api(_types)?|uv|v8|node)\.h$/,
    rooms: ['node'],
  },
  { pattern: /^(cuda|cuda_runtime|cuda_runtime_api|nvrtc|driver_types)\.h$/, rooms: ['cuda'] },
  { pattern: /^gtest\//, rooms: [] },
];

const SOURCE = /\.(h|hh|hpp|c|cc|cpp|cu|inc)$/;
const INCLUDE = /^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]/gm;

/**
 * @param {string} nativeFolder
 * @returns {{ violations: string[], files: number, arrows: Set<string> }}
 */
export function checkNativeLayers(nativeFolder) {
  const violations = [];
  const arrows = new Set();
  let files = 0;
  for (const entry of readdirSync(nativeFolder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !SOURCE.test(entry.name)) {
      continue;
    }
    files += 1;
    const path = join(entry.parentPath ?? entry.path, entry.name);
    const name = relative(nativeFolder, path);
    const room = name.includes('/') ? name.slice(0, name.indexOf('/')) : '';
    if (!Object.hasOwn(ROOMS, room)) {
      violations.push(`${name}: no such room; add it to ROOMS in scripts/check-native-layers.mjs`);
      continue;
    }
    for (const [, bracket, header] of readFileSync(path, 'utf8').matchAll(INCLUDE)) {
      const reason = wrongInclude(nativeFolder, room, bracket, header);
      if (reason !== null) {
        violations.push(`${name}: #include "${header}": ${reason}`);
      }
      arrows.add(`${room} → ${header.split('/')[0]}`);
    }
  }
  if (files === 0) {
    violations.push(`${nativeFolder}: no source file found, so nothing was checked`);
  }
  return { violations, files, arrows };
}

/** @returns {string | null} why this include is wrong */
function wrongInclude(nativeFolder, room, bracket, header) {
  for (const guarded of GUARDED_HEADERS) {
    if (guarded.pattern.test(header) && !guarded.rooms.includes(room)) {
      return guarded.rooms.length === 0
        ? 'belongs to tests'
        : `only ${guarded.rooms.map((name) => `native/${name}`).join(', ')} may see it`;
    }
  }
  const target = header.split('/')[0];
  if (header.split('/').includes('..')) {
    return 'headers are named from native/, as "room/file.h"';
  }
  if (!Object.hasOwn(ROOMS, target)) {
    return bracket === '"' && !existsSync(join(nativeFolder, header)) && !isGuarded(header)
      ? 'headers of rooms are named from native/, as "room/file.h"; others in <>'
      : null;
  }
  return target === room || ROOMS[room].includes(target)
    ? null
    : `native/${room} may include ${[room, ...ROOMS[room]].join(', ')}, not ${target}`;
}

function isGuarded(header) {
  return GUARDED_HEADERS.some((guarded) => guarded.pattern.test(header));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const native = fileURLToPath(new URL('../native', import.meta.url));
  const { violations, files } = checkNativeLayers(native);
  for (const violation of violations) {
    process.stderr.write(`native/${violation}\n`);
  }
  process.stderr.write(`native layers: ${files} files, ${violations.length} wrong arrows\n`);
  process.exitCode = violations.length === 0 ? 0 : 1;
}

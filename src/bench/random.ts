// Random numbers that a seed determines: the same on every machine and in every version of Node.

export interface Random {
  /** In [0, 1). */
  uniform(): number;
  /** In [0, below). */
  integer(below: number): number;
}

/** SplitMix32: one 32-bit word of state, enough for prompts and arrivals, of no use for secrets. */
export function seededRandom(seed: number): Random {
  let state = Math.imul(seed ^ (seed / 2 ** 32), 0x9e3779b1) | 0;
  const next = () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  };
  const uniform = () => next() / 2 ** 32;
  return { uniform, integer: (below) => Math.floor(uniform() * below) };
}

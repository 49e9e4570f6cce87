// A finding of `pega doctor`: with an id that scripts can rely on, its section, and what is required.
import type { Finding } from '../findings/finding.js';

export const SECTIONS = [
  'driver',
  'gpus',
  'memory',
  'server',
  'copy',
  'time to first token',
  'calibration',
] as const;

export type Section = (typeof SECTIONS)[number];

export interface HostFinding extends Finding {
  /** The same in every version: `memlock`, `gpu0.pcie`. */
  id: string;
  section: Section;
  /** Null where nothing is lacking, or nothing definite is required. */
  required: string | null;
}

interface Lacking {
  found: string;
  required?: string;
  /** A command where there is one. */
  advice: string;
}

/** Makes the findings of one section. */
export function findingsOf(section: Section) {
  const lacking =
    (state: 'note' | 'problem') =>
    (id: string, check: string, { found, required, advice }: Lacking): HostFinding => ({
      ...{ id, section, check, state, found },
      required: required ?? null,
      try: advice,
    });
  return {
    ok: (id: string, check: string, found: string): HostFinding => ({
      ...{ id, section, check, state: 'ok', found },
      ...{ required: null, try: null },
    }),
    note: lacking('note'),
    problem: lacking('problem'),
  };
}

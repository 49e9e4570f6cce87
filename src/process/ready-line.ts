// The one line a long-running process prints on stdout when it serves: `ready key=value key=value …`.

const PAIR = /(?:^| )([a-z_]+)=(.*?)(?= [a-z_]+=|$)/g;

/** The pairs of a ready line; undefined for any other line. */
export function parseReadyLine(line: string): ReadonlyMap<string, string> | undefined {
  if (line !== 'ready' && !line.startsWith('ready ')) {
    return undefined;
  }
  const pairs = new Map<string, string>();
  for (const match of line.slice('ready'.length).matchAll(PAIR)) {
    const [, key = '', value = ''] = match;
    pairs.set(key, value);
  }
  return pairs;
}

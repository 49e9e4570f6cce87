// What the connector needs of an interpreter, and how versions compare. A test holds these numbers
// against python/pyproject.toml, which says the same to Python's installers.

export type Version = readonly [major: number, minor: number];

export const PYTHON_LEAST: Version = [3, 10];
export const GRPCIO_LEAST: Version = [1, 60];
export const PROTOBUF_LEAST: Version = [4, 25];
export const VLLM_LEAST: Version = [0, 24];
/** The newest that the connector was tested with. */
export const VLLM_NEWEST: Version = [0, 32];

/** Undefined where a text has no version, and for builds of a source tree without tags (0.0.x, 0.1.dev). */
export function parseVersion(text: string): Version | undefined {
  const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(text)?.map(Number) ?? [];
  return major === undefined || minor === undefined ? undefined : [major, minor];
}

export function isBelow([major, minor]: Version, least: Version): boolean {
  return major < least[0] || (major === least[0] && minor < least[1]);
}

export function formatVersion(version: Version): string {
  return version.join('.');
}

export type VllmSupport = 'tested' | 'untested' | 'too old';

/** A build that does not know its own version may be any: untested. */
export function supportOf(vllmVersion: string): VllmSupport {
  const version = parseVersion(vllmVersion);
  if (version === undefined || /^0\.(0\.|1\.dev)/.test(vllmVersion)) {
    return 'untested';
  }
  if (isBelow(version, VLLM_LEAST)) {
    return 'too old';
  }
  return isBelow(VLLM_NEWEST, version) ? 'untested' : 'tested';
}

export const VLLM_RANGE = `${formatVersion(VLLM_LEAST)} to ${formatVersion(VLLM_NEWEST)}`;

// Server-sent events out of a byte stream: the `data:` payloads, whole, whatever the packets were.

/** Far above any chunk of a completion; a server that sends more is not speaking this protocol. */
const LINE_BYTES_MAX = 16 * 1024 * 1024;

export async function* dataPayloads(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const packet of bytes) {
    rest += decoder.decode(packet, { stream: true });
    const lines = rest.split(/\r?\n/);
    rest = lines.pop() ?? '';
    if (rest.length > LINE_BYTES_MAX) {
      throw new Error(`a line of the stream is longer than ${LINE_BYTES_MAX} bytes`);
    }
    for (const line of lines) {
      if (line.startsWith('data:')) {
        yield line.slice('data:'.length).trim();
      }
    }
  }
  if (rest.startsWith('data:')) {
    yield rest.slice('data:'.length).trim();
  }
}

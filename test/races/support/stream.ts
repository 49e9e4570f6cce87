// A client of /v1/completions that reads its stream and leaves in the middle.

interface Chunk {
  choices: { token_ids: number[] }[];
}

/** The tokens that came before it left: after `leaveAfter` of them, 0 is at once. */
export async function streamTokens(
  url: string,
  prompt: readonly number[],
  maxTokens: number,
  leaveAfter: number,
): Promise<number[]> {
  const gone = new AbortController();
  const asking = fetch(`${url}/v1/completions`, {
    method: 'POST',
    body: JSON.stringify({ prompt, max_tokens: maxTokens, stream: true }),
    signal: gone.signal,
  });
  if (leaveAfter === 0) {
    setImmediate(() => gone.abort());
    await asking.catch(() => undefined);
    return [];
  }
  const tokens: number[] = [];
  const response = await asking;
  let text = '';
  for await (const piece of response.body ?? []) {
    text += Buffer.from(piece).toString('utf8');
    const events = text.split('\n\n');
    text = events.pop() ?? '';
    for (const event of events.filter((line) => line.startsWith('data: {'))) {
      const { choices } = JSON.parse(event.slice('data: '.length)) as Chunk;
      tokens.push(...choices.flatMap(({ token_ids }) => token_ids));
    }
    if (tokens.length >= leaveAfter) {
      break; // cancels the body, and with it the request
    }
  }
  gone.abort();
  return tokens;
}

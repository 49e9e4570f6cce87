// A value with the name of the flag or variable that it came from in front of what is wrong with it.
import { PegaError } from '../errors.js';

export function parseNamed<T>(name: string, text: string, parse: (text: string) => T): T {
  try {
    return parse(text);
  } catch (thrown) {
    if (!(thrown instanceof PegaError)) {
      throw thrown;
    }
    const { code, message, suggestions } = thrown;
    throw new PegaError(code, `${name}: ${message}`, { suggestions, cause: thrown });
  }
}

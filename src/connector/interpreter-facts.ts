// What an interpreter is and has, told by itself: python/tools/interpreter_facts.py.
import { z } from 'zod';
import { askScript } from './ask-python.js';

const owners = z.array(z.object({ name: z.string(), version: z.string() }));

const shape = z.object({
  executable: z.string(),
  python: z.string(),
  /** linux_x86_64 */
  platform: z.string(),
  site_packages: z.string(),
  writable: z.boolean(),
  externally_managed: z.boolean(),
  pip: z.boolean(),
  /** The distributions that brought a module, the first on the path first. */
  owners: z.object({ vllm: owners, pegaflow: owners, grpc: owners, 'google.protobuf': owners }),
  /** Where an import would find it. */
  pegaflow_at: z.string().nullable(),
});

export type InterpreterFacts = z.infer<typeof shape>;

export function readInterpreterFacts(
  python: string,
  signal: AbortSignal,
): Promise<InterpreterFacts> {
  return askScript(python, 'interpreter_facts.py', shape, signal);
}

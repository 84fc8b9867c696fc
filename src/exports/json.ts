/** The register document as it is: canonical JSON (RFC 8785). */
import type { Part } from '../register/document.ts';

export async function* jsonOf(parts: AsyncIterable<Part>): AsyncGenerator<string> {
  for await (const part of parts) yield part.json;
}

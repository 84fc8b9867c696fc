/** The register as lines of JSON: `{about}`, then `{block, type}`, `{controller}`, `{entry}`, at last `{integrity}`. */
import type { Part } from '../register/document.ts';

/** Lines of one part at a time; the digest is that of the JSON document. */
export async function* ndjsonOf(parts: AsyncIterable<Part>): AsyncGenerator<string> {
  for await (const part of parts) {
    const lines = linesOf(part);
    if (lines !== '') yield lines;
  }
}

function linesOf(part: Part): string {
  switch (part.kind) {
    case 'about':
      return `{"about":${part.about}}\n`;
    case 'blocks': {
      const type = `,"type":${JSON.stringify(part.type)}}\n`;
      return part.contents.map((content) => `{"block":${content}${type}`).join('');
    }
    case 'controllers':
      return part.contents.map((content) => `{"controller":${content}}\n`).join('');
    case 'entries':
      return part.contents.map((content) => `{"entry":${content}}\n`).join('');
    case 'integrity':
      return `{"integrity":${part.text}}\n`;
  }
}

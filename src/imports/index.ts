/** The sources that can be imported: one list, each with what reads it. */
import type { Content } from '../article30/definition.ts';
import type { Problems, WantedResource } from './plan.ts';
import { type RegisterOptions, readRegister } from './register.ts';

interface Source {
  /** What the file is, in a sentence. */
  readonly description: string;
  read(file: Content, options: RegisterOptions, problems: Problems): Promise<WantedResource[]>;
}

export const sources = {
  register: {
    description:
      'A register document as `GET /v1/register` gives it, or the same members with `ref:` keys in place of ids and without `about` and `integrity`.',
    read: readRegister,
  },
} as const satisfies Record<string, Source>;

export type SourceName = keyof typeof sources;
export const sourceNames = Object.keys(sources) as SourceName[];

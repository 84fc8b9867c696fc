/** How stored contents and pages of items are sent. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CursorError, openCursor } from '../db/lists.ts';
import { etag } from './changes.ts';
import { Problem } from './problems.ts';

export function sendStored(
  request: FastifyRequest,
  reply: FastifyReply,
  stored: { text: string; version: number } | undefined,
): FastifyReply {
  if (stored === undefined) return missing();
  const tag = etag(stored.version);
  reply.headers({ 'cache-control': 'private, no-cache', etag: tag });
  const known = request.headers['if-none-match'];
  if (
    known !== undefined &&
    (known.trim() === '*' || known.split(',').some((each) => each.trim().replace(/^W\//, '') === tag))
  ) {
    return reply.code(304).send();
  }
  return reply.type('application/json; charset=utf-8').send(stored.text);
}

/** A page put together from stored texts. */
export function pageText(contents: readonly string[], nextCursor: string | undefined): string {
  return `{"items":[${contents.join(',')}]${nextCursor === undefined ? '' : `,"nextCursor":${JSON.stringify(nextCursor)}`}}`;
}

export function sendItems<T>(
  request: FastifyRequest,
  reply: FastifyReply,
  items: T[],
  limit: number,
  cursorOf: (last: T) => string,
): { items: T[]; nextCursor?: string } {
  const shown = items.slice(0, limit);
  reply.header('cache-control', 'private, no-cache');
  if (items.length <= limit) return { items: shown };
  const nextCursor = cursorOf(shown.at(-1)!);
  reply.header('link', nextLink(request, nextCursor));
  return { items: shown, nextCursor };
}

/** RFC 8288: the same request with the next cursor. */
export function nextLink(request: FastifyRequest, cursor: string): string {
  const url = new URL(request.url, 'http://localhost');
  url.searchParams.set('cursor', cursor);
  return `<${url.pathname}${url.search}>; rel="next"`;
}

export function cursorAt(cursor: string, bound: string): { key: string; id: string } {
  try {
    return openCursor(cursor, bound);
  } catch (error) {
    return refuseCursor(error);
  }
}

export function refuseCursor(error: unknown): never {
  if (error instanceof CursorError) {
    throw new Problem('invalid-cursor', error.message, {
      errors: [{ in: 'query', name: 'cursor', code: 'cursor', message: error.message }],
    });
  }
  throw error;
}

export function missing(): never {
  throw new Problem('not-found', 'There is no such resource.');
}

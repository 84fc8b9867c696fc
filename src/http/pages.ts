/** How stored contents and pages of items are sent. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { PostgresError } from '../db/connection.ts';
import { CursorError, openCursor } from '../db/lists.ts';
import { etag } from './changes.ts';
import { missing, Problem } from './problems.ts';

export function sendStored(
  request: FastifyRequest,
  reply: FastifyReply,
  stored: { text: string; version: number } | undefined,
): FastifyReply {
  if (stored === undefined) return missing();
  const tag = etag(stored.version);
  reply.headers({ 'cache-control': 'private, no-cache', etag: tag });
  if (isNotModified(request, tag)) return reply.code(304).send();
  return reply.type('application/json; charset=utf-8').send(stored.text);
}

/** Whether the client has what bears this entity tag already: then the answer is 304 (RFC 9110, section 13.1.2). */
export function isNotModified(request: FastifyRequest, tag: string): boolean {
  const known = request.headers['if-none-match'];
  if (known === undefined) return false;
  return known.trim() === '*' || known.split(',').some((each) => each.trim().replace(/^W\//, '') === tag);
}

/** Sends a page put together from stored texts. */
export function sendContents(
  request: FastifyRequest,
  reply: FastifyReply,
  contents: readonly string[],
  nextCursor: string | undefined,
): string {
  if (nextCursor !== undefined) reply.header('link', nextLink(request, nextCursor));
  reply.header('cache-control', 'private, no-cache').type('application/json; charset=utf-8');
  return pageText(contents, nextCursor);
}

/** A page put together from stored texts. */
export function pageText(contents: readonly string[], nextCursor?: string): string {
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

/** The whole number that a cursor of versions carries. */
export function versionAt(cursor: string, bound: string): number {
  const { key } = cursorAt(cursor, bound);
  return /^\d{1,9}$/.test(key) ? Number(key) : refuseCursor(new CursorError('The cursor names no version.'));
}

export function refuseCursor(error: unknown): never {
  // A position made by hand may be no date or number: the database refuses it as a bad value (class 22).
  if (error instanceof CursorError || (error instanceof PostgresError && error.code.startsWith('22'))) {
    const message = 'The cursor does not belong to this list, its filters and its sort.';
    throw new Problem('invalid-cursor', message, {
      errors: [{ in: 'query', name: 'cursor', code: 'cursor', message }],
    });
  }
  throw error;
}

/**
 * Drizzle, loaded as CommonJS: as ES modules Node would read its package file of 178 KB anew for each of its modules,
 * which costs half a second at every start and 60 MB that stay.
 */
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

export const { and, eq, gt, gte, inArray, lt, or, sql } = require('drizzle-orm') as typeof import('drizzle-orm');
export const { bigint, boolean, customType, date, integer, pgTable, PgDialect, smallint, text, timestamp, uuid } =
  require('drizzle-orm/pg-core') as typeof import('drizzle-orm/pg-core');
export type { SQL } from 'drizzle-orm';
export type { PgColumn } from 'drizzle-orm/pg-core';

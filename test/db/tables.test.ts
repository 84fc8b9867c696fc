/** The tables as drizzle knows them and the tables that the migrations make are the same. */
import { getTableConfig, type PgTable } from 'drizzle-orm/pg-core';
import t from 'tap';
import * as tables from '../../src/db/tables.ts';
import { createDatabase, poolFor } from '../database.ts';

/** Kept by the migrations, about themselves. */
const notOurs = ['migration'];

t.test('every table has the columns, types and nullability of the database', async (t) => {
  const owner = poolFor(t, (await createDatabase(t)).owner, 1);
  const rows = await owner.query<{ table: string; column: string; type: string; required: boolean }>(
    `select c.relname as table, a.attname as column, format_type(a.atttypid, a.atttypmod) as type, a.attnotnull as required
     from pg_class c join pg_attribute a on a.attrelid = c.oid
     where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped
     order by c.relname, a.attnum`,
  );
  const stored = Map.groupBy(rows, ({ table }) => table);
  const known = Object.values(tables).map((table) => getTableConfig(table as unknown as PgTable));
  t.same(
    [...stored.keys()].filter((name) => !notOurs.includes(name)),
    known.map(({ name }) => name).sort(),
    'the same tables',
  );
  for (const { name, columns } of known) {
    t.same(
      columns.map((column) => ({
        table: name,
        column: column.name,
        type: column.getSQLType().replace(' (', '('),
        required: column.notNull,
      })),
      stored.get(name),
      name,
    );
  }
  t.ok(rows.length > 50);
  t.comment(`${rows.length} columns of ${stored.size} tables`);
});

/** Tenants: the boundary of isolation. A token names one by its reference. */
import type { Pool } from './connection.ts';
import { newId } from './identifiers.ts';

export interface Tenant {
  id: string;
  reference: string;
  /** RFC 3339, UTC, three decimals. */
  createdAt: string;
}

/** The id of the tenant with this reference; undefined when there is none. */
export async function findTenant(pool: Pool, reference: string): Promise<string | undefined> {
  const [row] = await pool.query<{ id: string | null }>('select find_tenant($1) as id', [reference], {
    readOnly: true,
  });
  return row?.id ?? undefined;
}

/** Makes a tenant with an empty log; undefined when the reference is taken. */
export async function createTenant(pool: Pool, reference: string): Promise<Tenant | undefined> {
  const id = newId();
  const [row] = await pool.query<{ createdAt: string | null }>('select create_tenant($1, $2) as "createdAt"', [
    id,
    reference,
  ]);
  return row?.createdAt == null ? undefined : { id, reference, createdAt: row.createdAt };
}

/** Tenants by reference, after one. */
export async function listTenants(pool: Pool, after: string | undefined, limit: number): Promise<Tenant[]> {
  return pool.query<Tenant & Record<string, unknown>>(
    'select id, reference, created_at as "createdAt" from list_tenants($1, $2)',
    [after ?? null, limit],
    { readOnly: true },
  );
}

/** Forgets answers kept for retries for longer than a day, of all tenants; says how many. */
export async function forgetOldAnswers(pool: Pool): Promise<number> {
  const [row] = await pool.query<{ count: number }>('select forget_old_answers() as count');
  return row?.count ?? 0;
}

/** What the routes of one tenant have at hand: the database, and who calls in which tenant. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Settings } from '../article30/settings.ts';
import { defaultSettings } from '../article30/settings.ts';
import type { Pool } from '../db/connection.ts';
import type { Writer } from '../db/records.ts';
import { readWorking } from '../db/resources.ts';
import { findTenant } from '../db/tenants.ts';
import { requirePermission } from './caller.ts';
import { type Permission, permissionsOf } from './permissions.ts';
import { Problem } from './problems.ts';

/** The databases of the service. `reads` is a hot standby where there is one. */
export interface Databases {
  readonly main: Pool;
  readonly reads: Pool;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Id of the caller's tenant. Only in the contexts of {@link requireTenant}. */
    tenant: string;
    /** Refuses with 403 unless the caller holds a permission that no setting of the tenant gives. */
    requirePermission(needed: Permission): void;
  }
  interface FastifyContextConfig {
    /** The permission that the route asks for. A route without one is open to every caller of a tenant. */
    permission?: Permission;
  }
}

/** How long a tenant's id is remembered, in milliseconds; after that a deleted tenant is noticed. */
const rememberedFor = 60_000;
const rememberedAtMost = 10_000;

/**
 * Sets `request.tenant` to the id of the caller's tenant and refuses callers whose roles lack the route's permission.
 * Runs after the caller is known and before anything of the request is judged.
 */
export function requireTenant(app: FastifyInstance, database: Databases): void {
  const remembered = new Map<string, { id: string; until: number }>();

  const idOf = async (reference: string): Promise<string> => {
    const known = remembered.get(reference);
    if (known !== undefined && known.until > Date.now()) return known.id;
    const id = await findTenant(database.main, reference);
    if (id === undefined) throw new Problem('tenant-unknown', 'The tenant that the token names does not exist here.');
    if (remembered.size >= rememberedAtMost) remembered.clear();
    remembered.set(reference, { id, until: Date.now() + rememberedFor });
    return id;
  };

  app.decorateRequest('tenant', '');
  app.decorateRequest('requirePermission', function (this: FastifyRequest, needed: Permission) {
    requirePermission(permissionsOf(this.caller!.roles, { dpoApproves: false }), needed);
  });
  app.addHook('onRequest', async (request) => {
    const reference = request.caller?.tenantReference;
    if (request.is404 || reference === undefined) return;
    request.tenant = await idOf(reference);
    const needed = request.routeOptions.config.permission;
    if (needed === undefined) return;
    const { roles } = request.caller!;
    // Only what a data protection officer decides depends on the tenant's settings: nobody else waits for them.
    if (permissionsOf(roles, { dpoApproves: false }).has(needed)) return;
    const setting = roles.includes('dpo') ? await readSettings(database.main, request.tenant) : defaultSettings;
    requirePermission(permissionsOf(roles, setting), needed);
  });
}

/** The tenant's settings as they stand; the defaults while nobody changed them. */
export async function readSettings(pool: Pool, tenant: string): Promise<Settings> {
  const stored = await readWorking(pool, tenant, 'settings', { id: tenant });
  return stored === undefined ? defaultSettings : (JSON.parse(stored.text) as Settings);
}

/** Who writes, with the reason of the change and the key for retries, as the headers say. */
export function writerOf(request: FastifyRequest): Writer {
  const { issuer, subject } = request.caller!;
  const reason = changeReason(request);
  return { tenant: request.tenant, issuer, subject, ...(reason === undefined ? {} : { reason }) };
}

const reasonLimit = 1000;

/** `Change-Reason`: why something is changed; kept in the log. UTF-8, up to 1,000 characters. */
function changeReason(request: FastifyRequest): string | undefined {
  const header = request.headers['change-reason'];
  if (header === undefined || header === '') return undefined;
  // Node gives the bytes of a header as Latin-1; what is valid UTF-8 was meant as such.
  const bytes = Buffer.from(String(header), 'latin1');
  const utf8 = bytes.toString('utf8');
  const text = utf8.includes('\ufffd') ? String(header) : utf8;
  if ([...text].length > reasonLimit || /\p{Cc}/u.test(text)) {
    const message = `Must be plain text of at most ${reasonLimit} characters.`;
    throw new Problem('validation-failed', `The header Change-Reason is not valid. ${message}`, {
      errors: [{ in: 'header', name: 'Change-Reason', code: 'maxLength', message }],
    });
  }
  return text;
}

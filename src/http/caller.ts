/** Who calls a request, for which tenant, and whether the roles suffice. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { insufficientScope, withMetadata } from './challenges.ts';
import type { Permission } from './permissions.ts';
import { Problem } from './problems.ts';
import type { TokenVerifier, VerifiedToken } from './tokens.ts';

/** Who calls, and for which tenant. */
export interface Caller extends VerifiedToken {
  readonly tenantReference?: string;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Who calls. Only in the contexts where `requireCaller` was called. */
    caller: Caller | null;
  }
}

export interface CallerOptions {
  /**
   * `required`: the routes are about one tenant. `optional`: they are about none (platform administration, `/v1/me`);
   * the tenant is set when the token or the header leave no doubt.
   */
  readonly tenant: 'required' | 'optional';
  /** Address of the service's metadata (RFC 9728), for those who come without a good token. */
  readonly metadataOf?: (request: FastifyRequest) => string | undefined;
}

/**
 * Lets only callers with a valid token into the routes of this context, before body and schema are looked at, and sets
 * `request.caller`. Of several tenants in the token the header `Ropa-Tenant` chooses.
 */
export function requireCaller(app: FastifyInstance, verifier: TokenVerifier, options: CallerOptions): void {
  if (!app.hasRequestDecorator('caller')) app.decorateRequest('caller', null);
  app.addHook('onRequest', async (request) => {
    // A path that does not exist gives 404 to everybody.
    if (request.is404) return;
    const token = await verifier.verify(request.headers.authorization).catch((error: unknown) => {
      throw withMetadata(error, options.metadataOf?.(request));
    });
    const tenantReference = chooseTenant(token, request.headers['ropa-tenant'], options.tenant);
    request.caller = tenantReference === undefined ? token : { ...token, tenantReference };
  });
}

function chooseTenant(
  token: VerifiedToken,
  header: string | string[] | undefined,
  need: CallerOptions['tenant'],
): string | undefined {
  const references = token.tenantReferences;
  if (header !== undefined) {
    const chosen = references.find((reference) => reference === header);
    // The same for a tenant of others and for one that does not exist: nobody learns which there are.
    if (chosen === undefined) throw new Problem('tenant-unknown', 'The token is not for the tenant of Ropa-Tenant.');
    return chosen;
  }
  if (references.length === 1) return references[0];
  if (need === 'optional') return undefined;
  if (references.length === 0) throw new Problem('tenant-unknown', 'The token names no tenant.');
  throw new Problem('tenant-ambiguous', `The token is for ${references.length} tenants; name one in Ropa-Tenant.`, {
    errors: [{ in: 'header', name: 'Ropa-Tenant', code: 'required', message: 'The header Ropa-Tenant is missing.' }],
  });
}

/** @throws {Problem} 403 `forbidden` with `error="insufficient_scope"` (RFC 6750) when the permission is not held */
export function requirePermission(held: ReadonlySet<Permission>, needed: Permission): void {
  if (!held.has(needed))
    throw insufficientScope(`This needs the permission "${needed}", which none of your roles has.`);
}

/**
 * Prints a local token: `npm run --silent token -- --tenant T --role R [--subject S] [--ttl 1h] [--create-tenant]`.
 * Standard output is the token and nothing else; errors go to standard error, with exit code 2.
 */
import { parseArgs } from 'node:util';
import { ConfigError, readConfig } from '../src/config.ts';
import { signLocalToken } from '../src/http/local-tokens.ts';
import { ROLES, type Role } from '../src/http/permissions.ts';

const usage = `usage: npm run --silent token -- --tenant T [--tenant T2] --role R [--role R2] [--subject S] [--ttl 1h] [--create-tenant]
  --tenant         reference of a tenant; the role admin needs none
  --role           ${ROLES.join(', ')}
  --subject        who acts, as the log will name it (default: local)
  --ttl            how long the token is valid: 90s, 30m, 1h, 7d (default: 1h, at most 365d)
  --create-tenant  makes the tenants that do not exist`;

class UsageError extends Error {}

async function main(args: readonly string[]): Promise<void> {
  const options = readArguments(args);
  const config = readConfig(process.env);
  if (config.auth.issuer !== undefined) {
    throw new UsageError(
      `AUTH_ISSUER is set: tokens come from ${config.auth.issuer.url}, local ones are not accepted.`,
    );
  }
  if (options.createTenant) {
    // Only then: whoever just wants a token does not wait for the database part to load.
    const { createTenantsBeside } = await import('../src/db/open.ts');
    await createTenantsBeside(config, options.tenantReferences);
  }
  console.log(await signLocalToken(config, options));
}

function readArguments(args: readonly string[]) {
  let values: { tenant?: string[]; role?: string[]; subject?: string; ttl?: string; 'create-tenant'?: boolean };
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        tenant: { type: 'string', multiple: true },
        role: { type: 'string', multiple: true },
        subject: { type: 'string' },
        ttl: { type: 'string' },
        'create-tenant': { type: 'boolean' },
      },
    }));
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  const tenantReferences = [...new Set(values.tenant)];
  const roles = (values.role ?? []).map((name): Role => {
    const role = ROLES.find((known) => known === name);
    if (role === undefined) throw new UsageError(`--role ${JSON.stringify(name)} is none of ${ROLES.join(', ')}.`);
    return role;
  });
  if (roles.length === 0) throw new UsageError('--role is missing.');
  const wrong = tenantReferences.find((reference) => !/^[A-Za-z0-9._-]{1,64}$/.test(reference));
  if (wrong !== undefined) {
    throw new UsageError(`--tenant ${JSON.stringify(wrong)} is no reference: 1 to 64 letters, digits, dots, _ or -.`);
  }
  if (tenantReferences.length === 0 && roles.some((role) => role !== 'admin')) {
    throw new UsageError('--tenant is missing; only the role admin needs none.');
  }
  const createTenant = values['create-tenant'] ?? false;
  if (createTenant && tenantReferences.length === 0) throw new UsageError('--create-tenant needs --tenant.');
  const subject = values.subject ?? 'local';
  if (subject === '' || subject.length > 255 || /\p{Cc}/u.test(subject)) {
    throw new UsageError('--subject must be 1 to 255 characters of plain text.');
  }
  return { tenantReferences, roles, subject, ttlSeconds: seconds(values.ttl ?? '1h'), createTenant };
}

function seconds(ttl: string): number {
  const [, count, unit] = /^(\d{1,9})([smhd])$/.exec(ttl) ?? [];
  const length = Number(count) * { s: 1, m: 60, h: 3600, d: 86_400 }[unit as 's' | 'm' | 'h' | 'd'];
  if (length >= 1 && length <= 365 * 86_400) return length;
  throw new UsageError(`--ttl ${JSON.stringify(ttl)} is no length of time such as 90s, 30m, 1h or 7d, at most 365d.`);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  const expected = error instanceof UsageError || error instanceof ConfigError;
  console.error(expected ? error.message : `The token could not be made: ${(error as Error).message}`);
  if (error instanceof UsageError) console.error(usage);
  process.exitCode = 2;
}

/** The whole service on a database of its own, called by `inject` or over HTTP, with tokens for any tenant and role. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { Test } from 'tap';
import { buildApp } from '../src/app.ts';
import { type Config, readConfig } from '../src/config.ts';
import type { Pool } from '../src/db/connection.ts';
import { createTenant } from '../src/db/tenants.ts';
import { signLocalToken } from '../src/http/local-tokens.ts';
import type { Role } from '../src/http/permissions.ts';
import { createDatabase, poolFor, type TestDatabase } from './database.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The body as it came. */
  readonly text: string;
  /** The body as JSON; undefined when it is empty or none. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look at what is there
  readonly json: any;
}

export interface Call {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Somebody who calls: a role in a tenant. */
export interface Client {
  readonly token: string;
  call(method: string, path: string, call?: Call): Promise<Answer>;
  get(path: string, headers?: Record<string, string>): Promise<Answer>;
  /** POST, by default with a JSON body. */
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
}

export interface TestService {
  readonly app: FastifyInstance;
  readonly pool: Pool;
  readonly database: TestDatabase;
  readonly config: Config;
  /** Makes the tenant when it is not there. */
  client(tenant: string | readonly string[], ...roles: Role[]): Promise<Client>;
}

export async function startService(t: Test, environment: Record<string, string> = {}): Promise<TestService> {
  const database = await createDatabase(t);
  const pool = poolFor(t, database.service, 6);
  const dataDirectory = await mkdtemp(join(tmpdir(), 'register-service-'));
  t.teardown(() => rm(dataDirectory, { recursive: true, force: true }));
  const config = readConfig({
    DATA_DIR: dataDirectory,
    LOG_LEVEL: 'silent',
    // Suites ask faster than any person; the limit has a test of its own.
    REQUEST_LIMIT: '0',
    ...environment,
  });
  const app = await buildApp(config, { main: pool, reads: pool });
  await app.ready();
  t.teardown(() => app.close());
  return {
    app,
    pool,
    database,
    config,
    async client(tenant, ...roles) {
      const references = [tenant].flat();
      for (const reference of references) await createTenant(pool, reference);
      const token = await signLocalToken(config, {
        tenantReferences: references,
        roles,
        subject: `${roles.join('+')}@${references.join('+')}`,
        ttlSeconds: 3600,
      });
      return clientOf(app, token);
    },
  };
}

export function clientOf(app: FastifyInstance, token: string): Client {
  const call = async (method: string, path: string, { body, headers = {} }: Call = {}): Promise<Answer> => {
    const response = await app.inject({
      method: method as 'GET',
      url: path,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined
        ? {}
        : { payload: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body) }),
    });
    return {
      status: response.statusCode,
      headers: response.headers as Record<string, string>,
      text: response.body,
      json:
        /json/.test(String(response.headers['content-type'])) &&
        !/ndjson/.test(String(response.headers['content-type'])) &&
        response.body !== ''
          ? JSON.parse(response.body)
          : undefined,
    };
  };
  return {
    token,
    call,
    get: (path, headers) => call('GET', path, headers === undefined ? {} : { headers }),
    post: (path, body, headers) =>
      call('POST', path, { ...(body === undefined ? {} : { body }), ...(headers === undefined ? {} : { headers }) }),
  };
}

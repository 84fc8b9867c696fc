import { resolve } from 'node:path';
import t from 'tap';
import { ConfigError, readConfig, type SETTINGS } from '../src/config.ts';

const message = (env: Record<string, string>): string => {
  try {
    readConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return 'accepted';
};

t.test('without any setting: loopback, embedded database, local tokens', async (t) => {
  t.strictSame(readConfig({}), {
    host: '127.0.0.1',
    port: 3000,
    logLevel: 'info',
    dataDirectory: resolve('data'),
    database: { connections: 10 },
    auth: { tenantClaim: 'tenant', rolesClaim: 'roles' },
    limits: { body: 1_048_576, importFile: 26_214_400, requests: 2000 },
  });
});

t.test('every setting arrives', async (t) => {
  const env: Record<keyof typeof SETTINGS, string> = {
    HOST: '0.0.0.0',
    PORT: '0',
    PUBLIC_URL: 'https://ropa.example.org/register/',
    LOG_LEVEL: 'debug',
    DATA_DIR: '/var/lib/ropa',
    DATABASE_URL: 'postgres://service:p%40ss@db.example.org:5433/ropa?sslmode=verify-full',
    DATABASE_OWNER_URL: 'postgresql://owner:secret@db.example.org/ropa',
    DATABASE_READ_URL: 'postgres://service:secret@[::1]:5432/ropa',
    DATABASE_CONNECTIONS: '40',
    AUTH_ISSUER: 'https://login.example.org/realms/ropa/',
    AUTH_AUDIENCE: 'https://ropa.example.org',
    AUTH_JWKS_URL: 'https://login.example.org/keys',
    AUTH_TYP_HEADER: 'jwt',
    AUTH_TENANT_CLAIM: 'https://ropa.example.org/tenant',
    AUTH_ROLES_CLAIM: 'realm_access.roles',
    SIGNING_KEY_FILE: 'keys/seal.json',
    BODY_LIMIT: '2048',
    IMPORT_LIMIT: '4096',
    REQUEST_LIMIT: '0',
  };
  t.strictSame(readConfig(env), {
    host: '0.0.0.0',
    port: 0,
    publicUrl: 'https://ropa.example.org/register',
    logLevel: 'debug',
    dataDirectory: '/var/lib/ropa',
    database: {
      url: env.DATABASE_URL,
      ownerUrl: env.DATABASE_OWNER_URL,
      readUrl: env.DATABASE_READ_URL,
      connections: 40,
    },
    auth: {
      issuer: {
        // As it stands, slash and all: the claim `iss` is compared letter by letter.
        url: 'https://login.example.org/realms/ropa/',
        audience: 'https://ropa.example.org',
        jwksUrl: 'https://login.example.org/keys',
        tokenType: 'JWT',
      },
      tenantClaim: 'https://ropa.example.org/tenant',
      rolesClaim: 'realm_access.roles',
    },
    signingKeyFile: resolve('keys/seal.json'),
    limits: { body: 2048, importFile: 4096, requests: 0 },
  });
});

t.test('an empty value counts as absent, as compose files make them', async (t) => {
  t.strictSame(readConfig({ PORT: '', DATABASE_URL: ' ', AUTH_ISSUER: '', DATABASE_URI: '' }), readConfig({}));
});

t.test('a wrong value stops the start with one line that names the setting and what it may be', async (t) => {
  const issuer = { AUTH_ISSUER: 'https://login.example.org', AUTH_AUDIENCE: 'ropa' };
  const cases: [Record<string, string>, RegExp][] = [
    [{ PORT: 'http' }, /^PORT is "http"; .* 0 to 65535/],
    [{ PORT: '65536' }, /^PORT is "65536"/],
    [{ PORT: '-1' }, /^PORT is "-1"/],
    [{ PORT: '80.5' }, /^PORT is "80.5"/],
    [{ PORT: '3000\nHOST=0.0.0.0' }, /^PORT is "3000\\nHOST/],
    [{ HOST: 'local host' }, /^HOST is "local host"; .*IP address/],
    [{ HOST: '127.0.0.1:3000' }, /^HOST is "127.0.0.1:3000"/],
    [{ HOST: '127.0.0.1.1' }, /^HOST is "127.0.0.1.1"/],
    [{ LOG_LEVEL: 'verbose' }, /^LOG_LEVEL is "verbose"; .*fatal, error, warn, info, debug, trace, silent/],
    [{ DATABASE_CONNECTIONS: '0' }, /^DATABASE_CONNECTIONS is "0"; .* 1 to 1000/],
    [{ BODY_LIMIT: '1MB' }, /^BODY_LIMIT is "1MB"/],
    [{ IMPORT_LIMIT: '1' }, /^IMPORT_LIMIT is "1"/],
    [{ REQUEST_LIMIT: 'many' }, /^REQUEST_LIMIT is "many"/],
    [{ DATA_DIR: 'a\0b' }, /^DATA_DIR .*NUL/],
    [{ PUBLIC_URL: 'ropa.example.org' }, /^PUBLIC_URL is not a web address/],
    [{ PUBLIC_URL: 'https://ropa.example.org?x=1' }, /^PUBLIC_URL has a query/],
    [{ DATABASE_URL: 'mysql://h/d' }, /^DATABASE_URL does not begin with postgres:\/\//],
    [{ DATABASE_URL: 'postgres:///ropa' }, /^DATABASE_URL names no host/],
    [{ DATABASE_URL: 'postgres://a,b/ropa' }, /^DATABASE_URL names several hosts/],
    [{ DATABASE_READ_URL: 'postgres://h/d' }, /^DATABASE_READ_URL is set without DATABASE_URL/],
    [{ AUTH_ISSUER: 'https://login.example.org' }, /^AUTH_ISSUER is set without AUTH_AUDIENCE/],
    [{ AUTH_AUDIENCE: 'ropa' }, /^AUTH_AUDIENCE is set without AUTH_ISSUER/],
    [{ AUTH_JWKS_URL: 'https://login.example.org/keys' }, /^AUTH_JWKS_URL is set without AUTH_ISSUER/],
    [{ AUTH_TYP_HEADER: 'JWT' }, /^AUTH_TYP_HEADER is set without AUTH_ISSUER/],
    [{ ...issuer, AUTH_TYP_HEADER: 'id' }, /^AUTH_TYP_HEADER is "id"; .*at\+jwt, JWT/],
    [{ ...issuer, AUTH_ISSUER: 'https://login.example.org/?a=b' }, /^AUTH_ISSUER has a query/],
    [{ ...issuer, AUTH_ISSUER: 'login.example.org' }, /^AUTH_ISSUER is not a web address/],
    [{ ...issuer, AUTH_ISSUER: 'http://login.example.org' }, /^AUTH_ISSUER begins with http; .*https/],
    [{ ...issuer, AUTH_JWKS_URL: 'http://login.example.org/keys' }, /^AUTH_JWKS_URL begins with http;/],
    [{ ...issuer, AUTH_ROLES_CLAIM: 'my roles' }, /^AUTH_ROLES_CLAIM is "my roles"/],
  ];
  for (const [env, expected] of cases) {
    const told = message(env);
    t.match(told, expected, JSON.stringify(env));
    t.notMatch(told, /\n/, 'one line');
  }
  t.comment(`${cases.length} wrong values`);
});

t.test('a password never shows, however wrong the address is', async (t) => {
  const wrong = [
    'postgres://user:hunter2@host:port/db',
    'postgres://user:hunter2#x@host/db',
    'postgres://user:hunter2/x@host/db',
    'mysql://user:hunter2@host/db',
    'postgres://user:hunter2@a,b/db',
    'postgres://user:hunter2@/db',
    'user:hunter2@host',
  ];
  for (const url of wrong) {
    for (const name of ['DATABASE_URL', 'DATABASE_OWNER_URL', 'DATABASE_READ_URL']) {
      const told = message({ DATABASE_URL: 'postgres://host/db', [name]: url });
      t.match(told, new RegExp(`^${name} `), `${name} ${url}`);
      t.notMatch(told, /hunter2/, 'no password');
    }
  }
  t.match(message({ AUTH_ISSUER: 'https://user:hunter2@login.example.org' }), /^AUTH_ISSUER holds a user name/);
  t.notMatch(message({ AUTH_ISSUER: 'https://user:hunter2@login.example.org' }), /hunter2/);
});

t.test('an address that other machines reach needs an issuer', async (t) => {
  for (const host of ['127.0.0.1', '127.8.8.8', '::1', '[::1]', 'localhost', 'LOCALHOST']) {
    t.equal(message({ HOST: host }), 'accepted', host);
  }
  const issuer = { AUTH_ISSUER: 'https://login.example.org', AUTH_AUDIENCE: 'ropa' };
  for (const host of [
    '0.0.0.0',
    '::',
    '192.168.1.5',
    'ropa.example.org',
    '::ffff:127.0.0.1',
    'localhost.example.org',
  ]) {
    t.match(message({ HOST: host }), /^HOST is .*AUTH_ISSUER/, host);
    t.equal(message({ HOST: host, ...issuer }), 'accepted', `${host} with an issuer`);
  }
});

t.test('keys may come without TLS from this machine only', async (t) => {
  for (const issuer of ['http://127.0.0.1:8080/realms/x', 'http://localhost:8080', 'http://[::1]:8080']) {
    t.equal(message({ AUTH_ISSUER: issuer, AUTH_AUDIENCE: 'ropa' }), 'accepted', issuer);
  }
  t.equal(
    message({
      AUTH_ISSUER: 'http://keycloak:8080/realms/x',
      AUTH_JWKS_URL: 'https://keycloak:8443/keys',
      AUTH_AUDIENCE: 'ropa',
    }),
    'accepted',
    'then the issuer is only a name that is compared',
  );
});

t.test('a name of ours that is misspelt stops the start, foreign names do not', async (t) => {
  const misspelt: [string, string][] = [
    ['DATABASE_URI', 'DATABASE_URL'],
    ['database_url', 'DATABASE_URL'],
    ['DATABSE_URL', 'DATABASE_URL'],
    ['AUTH_ISSEUR', 'AUTH_ISSUER'],
    ['AUTH_ROLE_CLAIM', 'AUTH_ROLES_CLAIM'],
    ['AUTH_CLAIM_TENANT', 'AUTH_TENANT_CLAIM'],
    ['AUTH_JWKS', 'AUTH_JWKS_URL'],
    ['AUTH_AUDIENCES', 'AUTH_AUDIENCE'],
    ['DATADIR', 'DATA_DIR'],
    ['SIGNING_KEY', 'SIGNING_KEY_FILE'],
    ['LOGLEVEL', 'LOG_LEVEL'],
  ];
  for (const [name, meant] of misspelt) {
    t.equal(message({ [name]: 'x' }), `${name} is no setting; did you mean ${meant}?`);
  }
  // What shells, Kubernetes service links and neighbours in one env file set.
  const foreign = [
    ...['PATH', 'HOME', 'HOSTNAME', 'HOSTS', 'PORTS', 'NODE_ENV', 'PGHOST', 'DATABASE', 'npm_config_loglevel'],
    ...['DATABASE_PORT', 'DATABASE_HOST', 'DATABASE_USER', 'DATABASE_NAME', 'DATABASE_PASSWORD', 'DATABASE_SSL'],
    ...['DATABASE_SERVICE_HOST', 'DATABASE_PORT_5432_TCP_ADDR', 'AUTH_SERVICE_HOST', 'AUTH_PORT', 'AUTH_TOKEN'],
    ...['AUTH_SECRET', 'AUTH_USER', 'AUTH_URL', 'LOG_FORMAT', 'PUBLIC_KEY', 'BODY', 'REQUEST_ID'],
  ];
  for (const name of foreign) t.equal(message({ [name]: 'x' }), 'accepted', name);
  t.comment(`${misspelt.length} misspelt, ${foreign.length} foreign`);
});

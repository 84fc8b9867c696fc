/** Every operation × every role: what the design grants, typed in here by itself, is what the service answers. */
import t from 'tap';
import { ROLES, type Role } from '../src/http/permissions.ts';
import { ask, changes, type Holding, hold, type Operation, operationsOf, prepare, routesOf } from './operations.ts';
import { type Answer, type Client, clientOf, startService, type TestService } from './service.ts';

const readers: readonly Role[] = ['viewer', 'editor', 'sync', 'approver', 'dpo'];
const editors: readonly Role[] = ['editor', 'sync', 'dpo'];
const approvers: readonly Role[] = ['approver', 'dpo'];
const everyRole: readonly Role[] = ['viewer', 'editor', 'sync', 'approver', 'dpo', 'auditor', 'admin'];

interface Expectation {
  /** Who may; `anybody` needs no token. */
  readonly roles: readonly Role[] | 'anybody';
  /** The status of success. */
  readonly status: number;
  /** The data protection officer may only while the tenant's `dpoApproves` is on. */
  readonly decides?: boolean;
  /** It is no tenant's: the token of a platform administrator, which names none, opens it. */
  readonly noTenant?: boolean;
  /** How many entries of the log a success writes, where it is not one. */
  readonly writes?: number;
}

const reads = { roles: readers, status: 200 };
const readsApproved = { roles: [...readers, 'auditor'] as const, status: 200 };
const edits = { roles: editors, status: 200 };
const decides = { roles: approvers, status: 200, decides: true };

const expectations: Record<string, Expectation> = {
  'GET /health/live': { roles: 'anybody', status: 200 },
  'GET /health/ready': { roles: 'anybody', status: 200 },
  'GET /.well-known/oauth-protected-resource': { roles: 'anybody', status: 200 },
  'GET /v1/me': { roles: everyRole, status: 200, noTenant: true },
  'GET /v1/tenants': { roles: ['admin'], status: 200, noTenant: true },
  'POST /v1/tenants': { roles: ['admin'], status: 201, noTenant: true, writes: 0 },
  'GET /v1/settings': reads,
  'PUT /v1/settings': { roles: ['dpo'], status: 200 },
  'PATCH /v1/settings': { roles: ['dpo'], status: 200 },
  'GET /v1/changes': edits,
  'GET /v1/log': { roles: ['dpo', 'auditor'], status: 200 },
  'GET /v1/register': readsApproved,
  'GET /v1/register.json': readsApproved,
  'GET /v1/register.ndjson': readsApproved,
  'GET /v1/register.csv': readsApproved,
  'GET /v1/register/entries/{key}': readsApproved,

  'GET /v1/transfers': readsApproved,
  'GET /v1/statistics': reads,
  'GET /v1/reference/countries': readsApproved,
  'GET /v1/reference/adequacy-decisions': readsApproved,
  'GET /v1/reference/supervisory-authorities': readsApproved,
  'GET /v1/reference/legal-grounds': readsApproved,
  'GET /v1/reference/transfer-mechanisms': readsApproved,
  'GET /v1/reference/vendors': readsApproved,

  'POST /v1/{resource}/from-vendor': { roles: editors, status: 201 },
  'GET /v1/{resource}/{key}/vendor-suggestions': reads,
  'POST /v1/{resource}/{key}/replace': { roles: editors, status: 201, writes: 0 },

  'POST /v1/imports': { roles: editors, status: 201, writes: 0 },
  'GET /v1/imports': reads,
  'GET /v1/imports/{key}': reads,
  'POST /v1/imports/{key}/apply': { roles: ['sync', 'dpo'], status: 200 },

  'GET /v1/reviews': reads,
  'POST /v1/reviews': { roles: approvers, status: 201 },
  'GET /v1/reviews/{key}': reads,
  'PATCH /v1/reviews/{key}': { roles: approvers, status: 200 },
  'POST /v1/reviews/{key}/complete': decides,

  'GET /v1/{resource}/{key}/clients': reads,
  'GET /v1/{resource}/{key}/clients/{controllerKey}': reads,
  'PUT /v1/{resource}/{key}/clients/{controllerKey}': edits,
  'DELETE /v1/{resource}/{key}/clients/{controllerKey}': { roles: editors, status: 204 },
  'POST /v1/{resource}/{key}/clients/{controllerKey}/approve': decides,
  'POST /v1/{resource}/{key}/clients/approve': decides,
  'DELETE /v1/{resource}/{key}/clients/{controllerKey}/draft': edits,

  'GET /v1/{resource}': reads,
  'POST /v1/{resource}': { roles: editors, status: 201 },
  'GET /v1/{resource}/{key}': reads,
  'PUT /v1/{resource}/{key}': edits,
  'PATCH /v1/{resource}/{key}': edits,
  'DELETE /v1/{resource}/{key}': { roles: editors, status: 204 },
  'POST /v1/{resource}/{key}/archive': edits,
  'POST /v1/{resource}/{key}/restore': edits,
  'DELETE /v1/{resource}/{key}/draft': edits,
  'GET /v1/{resource}/{key}/approved': readsApproved,
  'GET /v1/{resource}/{key}/revisions': reads,
  'GET /v1/{resource}/{key}/revisions/{version}': reads,
  'GET /v1/{resource}/{key}/usages': reads,
  'POST /v1/{resource}/{key}/approve': decides,

  'POST /v1/{activity}/{key}/submit': edits,
  'POST /v1/{activity}/{key}/approve': decides,
  'POST /v1/{activity}/{key}/reject': decides,
  'POST /v1/{activity}/{key}/retire': decides,
  'POST /v1/{activity}/{key}/review': decides,
};

/** Open to everybody and no operations of the document: the document itself and the page that shows it. */
const besideTheDocument = ['/openapi.json', '/docs', '/docs/', '/docs/json', '/docs/yaml', '/docs/*'];
const pageFiles = ['/docs/static/index.html', '/docs/static/swagger-initializer.js'];

/** Who calls: roles in a tenant, in none, or nobody. */
interface Column {
  readonly title: string;
  readonly client: Client;
  /** Without a valid token: no role, and the error that RFC 6750 section 3.1 has for it, if any. */
  readonly roles: readonly Role[] | { readonly error?: string };
  readonly holding: Holding;
  readonly dpoApproves: boolean;
  readonly inTenant: boolean;
}

const isGranted = (roles: Column['roles']): roles is readonly Role[] => Array.isArray(roles);

function expected({ roles, status, decides, noTenant }: Expectation, column: Column): number {
  if (roles === 'anybody') return status;
  if (!isGranted(column.roles)) return 401;
  if (!column.inTenant && noTenant !== true) return 403;
  const granted = roles.filter((role) => role !== 'dpo' || decides !== true || column.dpoApproves);
  return column.roles.some((role) => granted.includes(role)) ? status : 403;
}

t.test('every operation answers every role as the design says', async (t) => {
  const service = await startService(t);
  const tenants = { on: await tenant(service, 'on', true), off: await tenant(service, 'off', false) };
  const column = async (where: 'on' | 'off' | 'none', ...roles: Role[]): Promise<Column> => ({
    title: `${roles.join(' + ')}${where === 'on' ? '' : where === 'off' ? ', dpoApproves off' : ', in no tenant'}`,
    client: await service.client(where === 'none' ? [] : where, ...roles),
    roles,
    holding: tenants[where === 'off' ? 'off' : 'on'],
    dpoApproves: where !== 'off',
    inTenant: where !== 'none',
  });
  const nobody = (title: string, client: Client, roles: Column['roles']): Column => ({
    title,
    client,
    roles,
    holding: tenants.on,
    dpoApproves: true,
    inTenant: true,
  });
  t.strictSame([...ROLES].sort(), [...everyRole].sort(), 'the roles are those of the design');
  const columns = await Promise.all([
    ...everyRole.map((role) => column('on', role)),
    column('none', 'admin'),
    column('off', 'dpo'),
    column('off', 'approver'),
    column('off', 'approver', 'dpo'),
    column('on', 'editor', 'approver'),
    column('on', 'auditor', 'sync'),
    column('on', 'viewer', 'admin'),
    nobody('no token', anonymous(service), {}),
    nobody('a token that is none', clientOf(service.app, 'aaaa.bbbb.cccc'), { error: 'invalid_token' }),
  ]);

  const operations = operationsOf(service.app);
  let cases = 0;
  const counted = { allowed: 0, refused: 0, nobody: 0 };
  for (const operation of operations) {
    const expectation = expectations[operation.form];
    if (expectation === undefined) {
      t.fail(`${operation.form} has no expectation: say in this file who may do it`);
      continue;
    }
    t.equal(operation.open, expectation.roles === 'anybody', `${operation.id}: whether the document asks for a token`);
    const answered: Record<string, number | string> = {};
    const wanted: Record<string, number | string> = {};
    const untouched = new Map<Holding, { request: Awaited<ReturnType<typeof prepare>>; size: number }>();
    // Those who may not come first, all at one target, which must stay as it is for those who may.
    for (const refused of [true, false]) {
      for (const each of columns) {
        const status = expected(expectation, each);
        if (status < 400 === refused) continue;
        cases++;
        wanted[each.title] = status;
        if (refused) {
          counted[status === 401 ? 'nobody' : 'refused']++;
          if (!untouched.has(each.holding)) {
            const request = await prepare(operation, each.holding);
            untouched.set(each.holding, { request, size: changes(operation) ? await sizeOf(each.holding) : 0 });
          }
          const answer = await ask(each.client, untouched.get(each.holding)!.request);
          answered[each.title] = refusal(answer, operation, each);
        } else {
          counted.allowed++;
          const request = await prepare(operation, each.holding);
          const before = changes(operation) ? await sizeOf(each.holding) : 0;
          answered[each.title] = success(await ask(each.client, request), expectation, before);
        }
      }
      if (!refused || !changes(operation)) continue;
      for (const [holding, { size }] of untouched)
        t.equal(await sizeOf(holding), size, `${operation.id}: nothing is written for those who may not`);
    }
    t.strictSame(answered, wanted, `${operation.id}: each gets the status of the design`);
  }
  const ids = new Set(operations.map(({ id }) => id));
  t.equal(ids.size, operations.length, 'each operation has an id of its own');
  t.equal(cases, operations.length * columns.length, 'no operation is without a case for each caller');
  t.ok(counted.allowed > 0 && counted.refused > 0 && counted.nobody > 0, 'there are cases of each kind');
  t.strictSame(
    Object.keys(expectations).filter((form) => !operations.some((operation) => operation.form === form)),
    [],
    'there is no expectation of an operation that is gone',
  );
  t.comment(
    `${cases} cases: ${operations.length} operations × ${columns.length} callers; ${counted.allowed} succeed, ${counted.refused} are refused (403), ${counted.nobody} have no valid token (401)`,
  );
});

t.test('who may not is told so before anything of the request is judged', async (t) => {
  const service = await startService(t);
  await service.client('acme', 'viewer');
  const admin = await service.client('acme', 'admin');
  const viewer = await service.client('acme', 'viewer');
  const nobody = anonymous(service);
  let cases = 0;
  for (const operation of operationsOf(service.app)) {
    const expectation = expectations[operation.form];
    if (expectation === undefined || expectation.roles === 'anybody') continue;
    const client = [admin, viewer].find((_, i) => !expectation.roles.includes(i === 0 ? 'admin' : 'viewer'));
    const url = `${operation.path.replaceAll(/\{\w+\}/g, 'no-key')}?unknown=1`;
    const request = { method: operation.method, url, headers: { 'content-type': 'text/plain' }, body: '{' };
    t.equal((await ask(nobody, request)).status, 401, `${operation.id}: without a token`);
    cases++;
    if (client === undefined) continue;
    t.equal((await ask(client, request)).status, 403, `${operation.id}: without the role`);
    cases++;
  }
  t.ok(cases > 0);
  t.comment(`${cases} cases`);
});

t.test('roles differ within an operation, too', async (t) => {
  const service = await startService(t);
  const holding = await tenant(service, 'acme', true);
  const activity = holding.examples.get('processingActivity')!;
  const draftName = 'Not yet decided';
  const editor = await service.client('acme', 'editor');
  const url = `/v1/processing-activities/${activity.id}`;
  const changed = await editor.call('PATCH', url, { body: { name: draftName }, headers: { 'if-match': '*' } });
  t.equal(changed.status, 200, 'a working version differs from the approved one');

  for (const path of ['/v1/register', '/v1/register.ndjson', `/v1/register/entries/${activity.id}`]) {
    for (const role of ['viewer', 'editor', 'sync', 'approver', 'dpo'] as const) {
      const answer = await (await service.client('acme', role)).get(`${path}?include=drafts`);
      t.equal(answer.status, 200, `${role} reads ${path} with drafts`);
      t.match(answer.text, draftName);
    }
    const auditor = await service.client('acme', 'auditor');
    const plain = await auditor.get(path);
    t.equal(plain.status, 200, `an auditor reads ${path}`);
    t.notMatch(plain.text, draftName, 'without what is not approved');
    const answer = await auditor.get(`${path}?include=drafts`);
    t.equal(answer.status, 403, `an auditor does not read ${path} with drafts`);
    t.match(answer.headers['www-authenticate'], /error="insufficient_scope"/);
  }
  const approved = await (await service.client('acme', 'auditor')).get(`${url}/approved`);
  t.match(approved.json, { name: activity.name, version: activity.version }, 'an auditor reads the approved version');

  const entries = async (role: Role) =>
    (await (await service.client('acme', role)).get('/v1/log?limit=200')).json.items;
  const [whole, part] = [await entries('dpo'), await entries('auditor')];
  t.equal(part.length, whole.length, 'an auditor sees that there are entries');
  t.ok(
    whole.every((entry: object) => 'content' in entry && 'nonce' in entry),
    'the data protection officer sees every content',
  );
  const bare = (entry: { content?: unknown; nonce?: unknown; reason?: unknown; approved: boolean }) =>
    entry.approved ? entry : { ...entry, content: undefined, nonce: undefined, reason: undefined };
  t.same(JSON.stringify(part), JSON.stringify(whole.map(bare)), 'an auditor sees the contents that were approved only');
  t.ok(part.some((entry: object) => 'content' in entry) && part.some((entry: object) => !('content' in entry)));

  const sync = await service.client('automatic', 'sync');
  t.match(
    (await sync.post('/v1/purposes', { name: 'Invoicing' })).json,
    { state: 'approved' },
    'what a tenant lets approve itself is approved for sync, too',
  );
});

t.test('what the document does not name is the document', async (t) => {
  const service = await startService(t);
  const documented = operationsOf(service.app).map(({ method, path }) => `${method} ${path}`);
  const beside = [...besideTheDocument, ...pageFiles].flatMap((path) => [`GET ${path}`, `HEAD ${path}`]);
  t.strictSame(routesOf(service.app).sort(), [...documented, ...beside].sort(), 'there is no route that nobody judges');
  const nobody = anonymous(service);
  for (const path of ['/openapi.json', '/docs/json']) t.equal((await nobody.get(path)).status, 200, path);
});

/** A tenant in which nothing approves itself, with one of each resource. */
async function tenant(service: TestService, reference: string, dpoApproves: boolean): Promise<Holding> {
  const client = await service.client(reference, 'editor', 'approver', 'dpo');
  return hold(client, '', 'Example', { dpoApproves });
}

/** Somebody without a token. */
function anonymous({ app }: TestService): Client {
  const call: Client['call'] = async (method, url, { body, headers = {} } = {}) => {
    const typed = body === undefined ? headers : { 'content-type': 'application/json', ...headers };
    const response = await app.inject({
      method: method as 'GET',
      url,
      headers: typed,
      ...(body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const { statusCode: status, body: text } = response;
    const json = /json/.test(String(response.headers['content-type'])) && text !== '' ? JSON.parse(text) : undefined;
    return { status, headers: response.headers as Record<string, string>, text, json };
  };
  return { ...clientOf(app, ''), call, get: (path) => call('GET', path) };
}

/** The size of the tenant's log. */
async function sizeOf({ client }: Holding): Promise<number> {
  return Number((await client.get('/v1/purposes?limit=1')).headers['log-sequence']);
}

/** The status of a refusal; in words what is wrong with it. */
function refusal(answer: Answer, { method }: Operation, { roles, inTenant }: Column): number | string {
  const challenge = String(answer.headers['www-authenticate']);
  const error = isGranted(roles) ? 'insufficient_scope' : roles.error;
  const metadata = isGranted(roles) ? '' : ', resource_metadata="[^"]+"';
  const told = new RegExp(`^Bearer realm="[^"]*"(?:, error="(\\w+)".*?)?${metadata}$`).exec(challenge);
  // Where only the tenant is missing, RFC 6750 has no error for it.
  if (inTenant && (told === null || told[1] !== error)) return `${answer.status} with WWW-Authenticate: ${challenge}`;
  if (method === 'HEAD') return answer.text === '' ? answer.status : `${answer.status} with a body`;
  if (answer.json?.status !== answer.status) return `${answer.status} and no problem: ${answer.text}`;
  return answer.status;
}

/** The status of a success; in words what is wrong with it. `size` is that of the log before. */
function success(answer: Answer, { writes = 1 }: Expectation, size: number): number | string {
  if (answer.status >= 400) return `${answer.status}: ${answer.text}`;
  const written = Number(answer.headers['log-sequence']);
  return size > 0 && writes > 0 && written !== size + writes
    ? `${answer.status}, but the log is at ${written}`
    : answer.status;
}

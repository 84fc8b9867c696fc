/**
 * Sixty writers at once on one tenant, while the database breaks one connection of the service after the other. The
 * service never ends and never leaves anybody without an answer; what it answers is what is stored.
 */
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { registerDigest } from './proof.ts';
import { Broken, call, newSite } from './running.ts';
import { clientOf, flawsOf, flawsOfResources } from './stored.ts';
import { prepare, Writer } from './writers.ts';

t.setTimeout(230_000);

const writerCount = 60;
const breaks = 300;
/** Changes acknowledged from one break to the next. */
const pace = 5;
/** Of JavaScript objects, in MB: a service that keeps something of each request or broken connection comes to its end. */
const memory = 128;

t.test('connections break under sixty writers', async (t) => {
  const site = newSite(t);
  const service = site.start([`--max-old-space-size=${memory}`]);
  const address = await service.listening;
  const admin = await site.token('root', [], 'admin');
  await call(address, admin, '/v1/tenants', { method: 'POST', body: { reference: 'busy' } });
  const token = await site.token('head@busy', ['busy'], 'dpo');
  await prepare(address, token, false);
  const files = openFiles(service.child.pid);

  const seen = new Map<string, number>();
  const count = (answer: string) => seen.set(answer, (seen.get(answer) ?? 0) + 1);
  let acknowledged = 0;
  const writers: Writer[] = [];
  for (let number = 1; number <= writerCount; number++) {
    writers.push(
      new Writer({
        ...{ name: `w${number}`, approvalRequired: false, settings: number === 1, contends: false },
        token: await site.token(`writer-${number}@busy`, ['busy'], 'dpo'),
        onAcknowledged: () => acknowledged++,
        onAnswer: count,
      }),
    );
  }

  let broken = 0;
  const goOn = () => broken < breaks;
  const working = Promise.all(writers.map((writer) => writer.work(address, goOn)));
  const reading = Promise.all([1, 2].map(() => read(address, token, goOn, count)));
  const breaker = await clientOf(site.dataDirectory, 'service');
  for (let next = writerCount; goOn(); next = acknowledged + pace) {
    // Between two of them some changes succeed, so that there is always something to break.
    while (acknowledged < next) await sleep(1);
    const { rows } = await breaker.query(
      `select pg_terminate_backend(pid) as broken from pg_stat_activity
       where usename = current_user and pid <> pg_backend_pid() order by random() limit 1`,
    );
    if (rows[0]?.broken === true) broken++;
  }
  const [, wrong] = await Promise.all([working, reading]);
  await Promise.all(writers.map((writer) => writer.settle(address)));
  await Promise.all(writers.map((writer) => writer.repeat(address)));

  t.comment(`${broken} connections broken under ${writers.length} writers; ${acknowledged} changes acknowledged`);
  t.comment(`answers: ${[...seen].map(([answer, times]) => `${times} × ${answer}`).join(', ')}`);
  const lost = writers.map(({ unknown }) => unknown);
  t.comment(
    `of the unknown outcomes ${lost.reduce((sum, { made }) => sum + made, 0)} were made, ` +
      `${lost.reduce((sum, { notMade }) => sum + notMade, 0)} not`,
  );
  t.equal(broken, breaks, 'all breaks took place');
  t.ok(acknowledged >= pace * breaks, 'changes succeeded all the while');
  const allowed = ['200', '201', '204', '503 unavailable', '503 outcome-unknown'];
  t.same(
    [...seen.keys()].filter((answer) => !allowed.includes(answer)),
    [],
    'every request was answered, with success or with 503',
  );
  t.ok(seen.has('503 outcome-unknown'), 'some broke in the middle of a change');
  t.same(wrong.flat(), [], 'who read saw the own tenant, whole, or 503');
  t.equal(service.child.exitCode, null, 'the service lives');
  const complaints = service
    .stderr()
    .split('\n')
    .filter((line) => !/^$|terminating connection due to admin/.test(line));
  t.same(complaints, [], 'and complains of nothing but the breaks');

  const view = { address, token };
  const owner = await clientOf(site.dataDirectory, 'owner');
  const claims = writers.flatMap(({ expected }) => expected);
  const { flaws, entries } = await flawsOf(view, owner, claims);
  t.same([...writers.flatMap(({ surprises }) => surprises), ...flaws], [], 'what they were told is what is stored');
  t.same(await flawsOfResources(view, entries, 0), [], 'and what is answered now');

  const body = (number: number) => ({ name: `After ${number}` });
  const after = await Promise.all(
    writers.map((_, number) => call(address, token, '/v1/purposes', { method: 'POST', body: body(number) })),
  );
  t.same([...new Set(after.map(({ status }) => status))], [201], 'everybody is served again');
  const { rows } = await owner.query(
    "select count(*)::int as open from pg_stat_activity where usename = 'ropa_service'",
  );
  t.ok(rows[0].open <= 10 + 1, `${rows[0].open} connections are open, the breaker's among them`);
  const growth = openFiles(service.child.pid) - files;
  t.ok(growth <= writerCount + 20, `${growth} more open files than before, most of them the clients' connections`);
  await Promise.all([breaker.end(), owner.end()]);
});

/** Reads lists and registers all the while; says what was wrong with them. */
async function read(
  address: string,
  token: string,
  goOn: () => boolean,
  count: (answer: string) => void,
): Promise<string[]> {
  const wrong: string[] = [];
  while (goOn()) {
    const list = await call(address, token, '/v1/controllers');
    // Outside of its transaction a statement would be without a tenant, and see nothing.
    if (list.status === 200 && list.json.items.length !== 1) wrong.push(`list: ${list.text}`);
    count(list.status === 200 ? '200' : `${list.status} ${String(list.json.type).split('/').at(-1)}`);
    try {
      const register = await call(address, token, '/v1/register');
      const whole = register.status !== 200 || register.json.integrity.digest === registerDigest(register.text);
      if (!whole || register.json.controllers?.length === 0) wrong.push(`register: ${register.text.slice(0, 300)}`);
      count(register.status === 200 ? '200' : `${register.status} ${String(register.json.type).split('/').at(-1)}`);
    } catch (error) {
      // Half a register never looks whole: after its first byte the connection breaks.
      if (!(error instanceof Broken)) throw error;
    }
  }
  return wrong;
}

function openFiles(pid: number | undefined): number {
  return process.platform === 'linux' ? readdirSync(`/proc/${pid}/fd`).length : 0;
}

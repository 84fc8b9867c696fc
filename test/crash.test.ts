/**
 * `kill -9` of the service, and of its database, in the middle of writes. After each kill everything that was acknowledged
 * is there, what was answered stands in the log, no half change exists, and the tree that the answers give is the stored
 * one.
 */
import type pg from 'pg';
import t, { type Test } from 'tap';
import { call, newSite, type Site } from './running.ts';
import { clientOf, flawsOf, flawsOfResources } from './stored.ts';
import { prepare, Writer } from './writers.ts';

t.setTimeout(230_000);

const rounds = 10;
/** A round counts only with so many changes acknowledged before the kill. */
const least = 100;

interface Tenant {
  readonly token: string;
  readonly writers: readonly Writer[];
  /** How much of its log was compared, resource by resource. */
  seen: number;
}

/** Three tenants with three writers each; in one of them building blocks wait for approval. */
class Office {
  acknowledged = 0;
  readonly #tenants: Tenant[] = [];
  readonly #site: Site;

  constructor(site: Site) {
    this.#site = site;
  }

  async open(address: string): Promise<void> {
    const admin = await this.#site.token('root', [], 'admin');
    for (const name of ['a', 'b', 'c']) {
      await call(address, admin, '/v1/tenants', { method: 'POST', body: { reference: name } });
      const approvalRequired = name === 'b';
      const token = await this.#site.token(`head@${name}`, [name], 'dpo');
      await prepare(address, token, approvalRequired);
      const writers: Writer[] = [];
      for (const number of [1, 2, 3]) {
        const token = await this.#site.token(`writer-${number}@${name}`, [name], 'dpo');
        writers.push(
          new Writer({
            ...{ name: `${name}${number}`, token, approvalRequired, settings: number === 1, contends: true },
            onAcknowledged: () => this.acknowledged++,
          }),
        );
      }
      this.#tenants.push({ token, writers, seen: 0 });
    }
  }

  /** All write, at once, until a number of changes is acknowledged; resolves when the first of them stops. */
  write(address: string, changes: number): { enough: Promise<unknown>; stopped: Promise<unknown> } {
    const end = this.acknowledged + changes;
    const working = this.#writers.map((writer) => writer.work(address, () => this.acknowledged < end));
    return { enough: Promise.race(working), stopped: Promise.all(working) };
  }

  /** Whatever is without an answer is sent again, and what was answered is repeated blindly. */
  async finish(address: string): Promise<void> {
    await Promise.all(this.#writers.map((writer) => writer.settle(address)));
    await Promise.all(this.#writers.map((writer) => writer.repeat(address)));
  }

  /** Everything that is wrong. Nobody may be writing. */
  async flaws(address: string): Promise<string[]> {
    const owner = await clientOf(this.#site.dataDirectory, 'owner');
    const flaws = this.#writers.flatMap(({ surprises }) => surprises);
    for (const tenant of this.#tenants) {
      const view = { address, token: tenant.token };
      const claims = tenant.writers.flatMap(({ expected }) => expected);
      const whole = await flawsOf(view, owner, claims);
      flaws.push(...whole.flaws, ...(await flawsOfResources(view, whole.entries, tenant.seen)));
      tenant.seen = whole.entries.length;
    }
    await owner.end();
    return flaws;
  }

  report(t: Test, what: string, counts: readonly number[]): void {
    const sum = (what: 'made' | 'notMade') => this.#writers.reduce((total, { unknown }) => total + unknown[what], 0);
    t.comment(`${counts.length} rounds, ${what} killed in each; acknowledged before the kill: ${counts.join(', ')}`);
    t.comment(`${this.acknowledged} acknowledged; of the lost answers ${sum('made')} were made, ${sum('notMade')} not`);
    t.equal(counts.length, rounds, 'all rounds took place');
    t.ok(Math.min(...counts) >= least, `${least} changes or more were acknowledged in each before the kill`);
  }

  get #writers(): Writer[] {
    return this.#tenants.flatMap(({ writers }) => writers);
  }
}

t.test('the service is killed', async (t) => {
  const site = newSite(t);
  const office = new Office(site);
  let service = site.start();
  let address = await service.listening;
  await office.open(address);

  const counts: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    const before = office.acknowledged;
    const { enough, stopped } = office.write(address, least + round);
    await enough;
    service.child.kill('SIGKILL');
    counts.push(office.acknowledged - before);
    await Promise.all([stopped, service.ended]);

    service = site.start();
    address = await service.listening;
    t.same(await office.flaws(address), [], `round ${round}: nothing is lost, nothing is half`);
    await office.finish(address);
  }
  t.same(await office.flaws(address), [], 'in the end every change is made, and made once');
  office.report(t, 'the service', counts);
});

t.test('the database is killed', async (t) => {
  const site = newSite(t);
  const office = new Office(site);
  let service = site.start();
  let address = await service.listening;
  await office.open(address);

  const counts: number[] = [];
  let backEnds = 0;
  for (let round = 1; round <= rounds; round++) {
    const before = office.acknowledged;
    if (round % 3 === 0) {
      // A back end that is killed takes all others with it; the server starts them anew.
      const first = office.write(address, least / 2);
      await first.enough;
      process.kill(await someBackEnd(site), 'SIGKILL');
      backEnds++;
      await first.stopped;
    }
    const { enough, stopped } = office.write(address, least + round);
    await enough;
    process.kill(site.postgres() ?? Number.NaN, 'SIGKILL');
    counts.push(office.acknowledged - before);
    await stopped;

    // The same service, and the same writers, take up again as soon as there is a database.
    const { stopped: done } = office.write(address, least / 2);
    await done;
    await office.finish(address);
    t.same(await office.flaws(address), [], `round ${round}: nothing is lost, nothing is half`);
    t.equal(service.child.exitCode, null, 'the service lives');

    if (round === rounds / 2) {
      // The service waits longer from death to death of its database: a new one begins anew.
      service.child.kill('SIGTERM');
      t.same(await service.ended, { code: 0, signal: null }, 'it stops cleanly');
      service = site.start();
      address = await service.listening;
    }
  }
  t.comment(`${backEnds} back ends killed before that`);
  office.report(t, 'the database', counts);
});

async function someBackEnd(site: Site): Promise<number> {
  const owner: pg.Client = await clientOf(site.dataDirectory, 'owner');
  const { rows } = await owner.query("select pid from pg_stat_activity where usename = 'ropa_service' limit 1");
  await owner.end();
  return rows[0].pid;
}

/**
 * `npm run bench [-- --quick] [-- --json FILE] [-- --only read,page]`: the service beside what people write by hand and
 * beside the limits of its parts, in one run, on one machine.
 *
 * All contestants are processes of their own and share one embedded PostgreSQL with default durability. Their runs take
 * turns, so that what else happens on the machine meets all of them. The limit of `read` and `page` is bare Fastify
 * sending the same bytes; of `create`, `pgbench` with the same statements; of `exportJson`, bare Fastify streaming the
 * same bytes from a file; of `exportNdjson`, `psql \copy` of the stored contents; of `asOf`, the same register now.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { newId } from '../../src/db/identifiers.ts';
import { type Blocks, makeActivity, makeBlocks, referenceOf } from './activities.ts';
import { download, Generator, read } from './clients.ts';
import { databasesOf, settle } from './databases.ts';
import { handWrittenToken, loadHandWritten, startHandWritten } from './hand-written.ts';
import { copyContents, findProgram, runPgbench, startLimit, writeScripts } from './limit.ts';
import type { Load } from './load.ts';
import { endAll, type ServerProcess } from './processes.ts';
import {
  type Contestant,
  growthOf,
  jsonOf,
  medianOf,
  type Remark,
  type Result,
  tableOf,
  type Work,
  works,
} from './report.ts';
import { bodyOf, type LoadedTenant, loadService, startService, tokenFor } from './service.ts';

interface Plan {
  /** Activities in a tenant, ascending. */
  readonly sizes: readonly number[];
  /** Activities in the tenant whose activities have 10 versions each. */
  readonly sizeOfVersions: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
}

const quickPlan: Plan = { sizes: [1_000, 10_000], sizeOfVersions: 1_000, warmUpSeconds: 0.5, seconds: 1.5 };
const fullPlan: Plan = { sizes: [1_000, 10_000, 100_000], sizeOfVersions: 10_000, warmUpSeconds: 2, seconds: 5 };
const rounds = 3;
const connections = 16;
const versions = 10;
/** How many different activities the load asks for. */
const sampled = 3_200;

/** A register of some size, at every contestant. */
interface Register extends LoadedTenant {
  readonly size: number;
  readonly blocks: Blocks;
  readonly token: string;
  readonly handWrittenDatabase: string;
}

class Bench {
  readonly results: Result[] = [];
  readonly remarks: Remark[] = [];
  readonly #plan: Plan;
  readonly #only: ReadonlySet<Work>;
  readonly #folder: string;
  readonly #data: string;
  readonly #generator = new Generator();
  readonly #psql = findProgram('psql');
  readonly #pgbench = findProgram('pgbench');
  #service!: ServerProcess;

  constructor(plan: Plan, only: ReadonlySet<Work>, folder: string) {
    this.#plan = plan;
    this.#only = only;
    this.#folder = folder;
    this.#data = join(folder, 'data');
  }

  async run(): Promise<void> {
    for (const [name, path] of Object.entries({ psql: this.#psql, pgbench: this.#pgbench }))
      if (path === undefined) tell(`${name} is not available: what it limits is left out`);
    this.#service = await startService(this.#data);
    const sized = this.#wants('read', 'page', 'create', 'exportJson', 'exportNdjson');
    const registers: Register[] = [];
    for (const size of sized ? this.#plan.sizes : this.#plan.sizes.slice(0, 1)) registers.push(await this.#load(size));
    if (sized) for (const register of registers) await this.#measureSize(register);
    if (this.#wants('asOf')) await this.#measureVersions();
    if (this.#wants('coldStart', 'idleMemory')) await this.#measureStarts(registers.at(-1)!);
    await this.#generator.stop();
    await this.#service.stop();
  }

  #wants(...some: Work[]): boolean {
    return some.some((work) => this.#only.has(work));
  }

  async #load(size: number): Promise<Register> {
    tell(`loading ${size} activities`);
    const targets = await databasesOf(this.#data);
    const blocks = makeBlocks(newId);
    const tenant = `size-${size}`;
    const handWrittenDatabase = `hand_written_${size}`;
    const loaded = await loadService(targets, tenant, blocks, size);
    await loadHandWritten(targets.owner, handWrittenDatabase, blocks, loaded.ids);
    await settle(targets.owner, targets.owner.database);
    await settle(targets.owner, handWrittenDatabase);
    return { ...loaded, size, blocks, token: await tokenFor(this.#data, tenant), handWrittenDatabase };
  }

  async #measureSize(register: Register): Promise<void> {
    const { size, token, id } = register;
    const targets = await databasesOf(this.#data);
    const service = this.#service.address;
    const folder = join(this.#folder, `bytes-${size}`);
    await mkdir(folder);
    const one = `${service}/v1/processing-activities/ref:${referenceOf(0)}`;
    await download(one, token, join(folder, 'read'));
    await download(`${service}/v1/processing-activities`, token, join(folder, 'page'));
    await download(`${service}/v1/register`, token, join(folder, 'register'));
    const handWritten = await startHandWritten(targets.owner, register.handWrittenDatabase);
    const limit = await startLimit(folder);
    await requireWork(service, handWritten.address, register);

    if (this.#wants('exportJson')) await this.#measureJson(register, handWritten, limit);
    if (this.#wants('exportNdjson')) {
      tell(`exportNdjson of ${size}`);
      const psql = this.#psql;
      const runs = await turns(rounds, {
        service: async () => (await download(`${service}/v1/register.ndjson`, token)).seconds,
        limit: async () => (psql === undefined ? undefined : await copyContents(psql, targets, id)),
      });
      this.#record('exportNdjson', size, 'seconds', runs);
    }

    const scripts = await writeScripts(targets, folder, id, register.blocks, size);
    const pgbench = (work: keyof typeof scripts) => async () =>
      this.#pgbench === undefined
        ? undefined
        : runPgbench(this.#pgbench, targets, scripts[work], connections, this.#plan.seconds);
    const ids = Array.from({ length: sampled }, () => register.ids[Math.floor(Math.random() * size)]!);
    const references = ids.map(() => referenceOf(Math.floor(Math.random() * (size - 51))));
    const body = makeActivity(register.blocks, size, '{{unique}}');
    const asked: Record<keyof typeof scripts, () => Promise<Record<Contestant, LoadOf>>> = {
      read: async () => ({
        service: { paths: ids.map((each) => `/v1/processing-activities/${each}`) },
        handWritten: { paths: ids.map((each) => `/activities/${each}`) },
        limit: { paths: ['/read'] },
      }),
      page: async () => ({
        service: { paths: await cursorsOf(service, token) },
        handWritten: { paths: references.map((each) => `/activities?after=${each}`) },
        limit: { paths: ['/page'] },
      }),
      create: async () => ({
        service: { paths: ['/v1/processing-activities'], body: bodyOf(body) },
        handWritten: { paths: ['/activities'], body },
        limit: { paths: ['/create'], body: bodyOf(body) },
      }),
    };
    const addresses = { service, handWritten: handWritten.address, limit: limit.address };
    const tokens = { service: token, handWritten: handWrittenToken, limit: '' };
    for (const work of ['read', 'page', 'create'] as const) {
      if (!this.#only.has(work)) continue;
      tell(`${work} in ${size}`);
      const loads = await asked[work]();
      const contestant = (name: Contestant) => () =>
        this.#generator.run(this.#loadOf(loads[name], addresses[name], tokens[name]));
      const { bare, database, ...runs } = await turns(rounds, {
        service: contestant('service'),
        handWritten: contestant('handWritten'),
        bare: contestant('limit'),
        database: pgbench(work),
      });
      // A create spends its time in the database, a read mostly in sending.
      const [limiting, other] =
        work === 'create' && this.#pgbench !== undefined
          ? [database, { work: 'create, bare Fastify', runs: bare }]
          : [bare, { work: `${work}, pgbench`, runs: database }];
      this.#record(work, size, 'perSecond', { ...runs, limit: limiting });
      this.#remark(other.work, size, 'perSecond', { limit: other.runs });
    }
    await Promise.all([handWritten.stop(), limit.stop()]);
    await rm(folder, { recursive: true });
  }

  async #measureJson(register: Register, handWritten: ServerProcess, limit: ServerProcess): Promise<void> {
    const { size, token } = register;
    tell(`exportJson of ${size}`);
    const firstBytes: Runs = { service: [], handWritten: [], limit: [] };
    const timed = (contestant: Contestant, url: string, credential: string) => async () => {
      const { seconds, firstByteSeconds } = await download(url, credential);
      firstBytes[contestant].push(firstByteSeconds);
      return seconds;
    };
    const runs = await turns(rounds, {
      service: timed('service', `${this.#service.address}/v1/register`, token),
      handWritten: timed('handWritten', `${handWritten.address}/register`, handWrittenToken),
      limit: timed('limit', `${limit.address}/register`, ''),
    });
    this.#record('exportJson', size, 'seconds', runs);
    this.#remark('exportJson, first byte', size, 'seconds', firstBytes);
  }

  async #measureVersions(): Promise<void> {
    const size = this.#plan.sizeOfVersions;
    tell(`loading ${size} activities with ${versions} versions each`);
    const targets = await databasesOf(this.#data);
    const loaded = await loadService(targets, 'versions', makeBlocks(newId), size, versions);
    await settle(targets.owner, targets.owner.database);
    const token = await tokenFor(this.#data, 'versions');
    const now = `${this.#service.address}/v1/register`;
    const then = `${now}?asOf=${encodeURIComponent(loaded.recordedAt[versions / 2 - 1]!)}`;
    tell(`asOf of ${size}`);
    const then1 = (await read(then, token)) as { entries: { version: number }[] };
    if (then1.entries.length !== size || then1.entries.some(({ version }) => version !== versions))
      throw new Error('The register of the middle does not show the middle.');
    const runs = await turns(rounds, {
      service: async () => (await download(then, token)).seconds,
      limit: async () => (await download(now, token)).seconds,
    });
    this.#record('asOf', size, 'seconds', runs);
  }

  /** Starts each contestant anew: how long until the first answer, what it holds when idle, and what an export adds. */
  async #measureStarts(register: Register): Promise<void> {
    const { size, token } = register;
    tell('coldStart and idleMemory');
    const folder = join(this.#folder, 'bytes');
    await mkdir(folder);
    const service = `/v1/processing-activities/ref:${referenceOf(0)}`;
    for (const name of ['read', 'page'])
      await download(`${this.#service.address}${service}`, token, join(folder, name));
    const { owner } = await databasesOf(this.#data);

    const starts: Runs = { service: [], handWritten: [], limit: [] };
    const idle: Runs = { service: [], handWritten: [], limit: [] };
    const added: Runs = { service: [], handWritten: [], limit: [] };
    const look = async (
      contestant: Contestant,
      start: () => Promise<ServerProcess>,
      paths: { first: string; register?: string },
      credential: string,
    ): Promise<ServerProcess> => {
      const begin = performance.now();
      const server = await start();
      await download(`${server.address}${paths.first}`, credential);
      starts[contestant].push((performance.now() - begin) / 1_000);
      await sleep(1_500);
      const memory = server.memory();
      idle[contestant].push(megabytes(memory));
      if (this.#only.has('exportJson') && paths.register !== undefined) {
        let peak = memory;
        const watch = setInterval(() => {
          peak = Math.max(peak, server.memory());
        }, 20);
        await download(`${server.address}${paths.register}`, credential).finally(() => clearInterval(watch));
        added[contestant].push(megabytes(peak - memory));
      }
      return server;
    };
    for (let round = 0; round < rounds; round++) {
      await this.#service.stop();
      this.#service = await look(
        'service',
        () => startService(this.#data),
        { first: service, register: '/v1/register' },
        token,
      );
      const handWritten = await look(
        'handWritten',
        () => startHandWritten(owner, register.handWrittenDatabase),
        { first: `/activities/${register.ids[0]}`, register: '/register' },
        handWrittenToken,
      );
      await handWritten.stop();
      const limit = await look('limit', () => startLimit(folder), { first: '/read' }, '');
      await limit.stop();
    }
    if (this.#only.has('coldStart')) this.#record('coldStart', size, 'seconds', starts);
    if (this.#only.has('idleMemory')) this.#record('idleMemory', size, 'megabytes', idle);
    if (this.#only.has('exportJson')) this.#remark('exportJson, memory above idle', size, 'megabytes', added);
  }

  #loadOf({ paths, body }: LoadOf, address: string, token: string): Load {
    const { warmUpSeconds, seconds } = this.#plan;
    const plain = { address, paths, connections, warmUpSeconds, seconds };
    const authorization = `Bearer ${token}`;
    return body === undefined
      ? { ...plain, method: 'GET', headers: { authorization }, status: 200 }
      : {
          ...plain,
          method: 'POST',
          headers: { authorization, 'content-type': 'application/json' },
          body: JSON.stringify(body),
          status: 201,
        };
  }

  #record(work: Work, size: number, unit: Result['unit'], runs: Partial<Runs>): void {
    for (const result of resultsOf(work, size, unit, runs)) this.results.push(result);
  }

  #remark(work: string, size: number, unit: Result['unit'], runs: Partial<Runs>): void {
    for (const remark of resultsOf(work, size, unit, runs)) this.remarks.push(remark);
  }
}

/** The figures of the contestants that ran. */
function resultsOf<W extends string>(work: W, size: number, unit: Result['unit'], runs: Partial<Runs>) {
  return (Object.entries(runs) as [Contestant, number[]][])
    .filter(([, values]) => values.length > 0)
    .map(([contestant, values]) => ({ work, size, contestant, unit, median: medianOf(values), runs: values }));
}

type Runs = Record<Contestant, number[]>;

interface LoadOf {
  readonly paths: readonly string[];
  readonly body?: object;
}

/** Lets each do its work once, in turn, as many times as there are rounds. Who is not available gives no value. */
async function turns<Name extends string>(
  times: number,
  each: Readonly<Record<Name, () => Promise<number | undefined>>>,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(each) as Name[];
  const runs = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  for (let round = 0; round < times; round++) {
    for (const name of names) {
      const value = await each[name]();
      if (value !== undefined) runs[name].push(value);
    }
  }
  return runs;
}

/** The paths of all pages but the first, as the service's own cursors lead to them. */
async function cursorsOf(service: string, token: string): Promise<string[]> {
  const paths: string[] = [];
  for (let path: string | undefined = '/v1/processing-activities'; path !== undefined; ) {
    const page = await read(`${service}${path}`, token);
    path = page.nextCursor === undefined ? undefined : `/v1/processing-activities?cursor=${page.nextCursor}`;
    // The last page may not be full.
    if (path !== undefined && (page.items as unknown[]).length === 50) paths.push(path);
  }
  return paths.length > 1 ? paths.slice(0, -1) : paths;
}

/** Looks once whether both give what they are measured for. */
async function requireWork(service: string, handWritten: string, { ids, size, token }: Register): Promise<void> {
  const linksOf = (activity: Record<string, unknown>) =>
    ['purposes', 'dataLines', 'recipients', 'transfers', 'securityMeasureIds']
      .map((list) => (activity[list] as unknown[]).length)
      .join('+');
  for (const [name, one, many, all, credential] of [
    ['service', `${service}/v1/processing-activities/`, '/v1/processing-activities', '/v1/register', token],
    ['handWritten', `${handWritten}/activities/`, '/activities', '/register', handWrittenToken],
  ] as const) {
    const links = linksOf(await read(`${one}${ids[0]}`, credential));
    if (links !== '2+4+3+2+4') throw new Error(`${name} reads an activity with ${links} links.`);
    const origin = new URL(one).origin;
    const page = (await read(`${origin}${many}`, credential)).items as Record<string, unknown>[];
    if (page.length !== 50 || page.some((item) => linksOf(item) !== links))
      throw new Error(`${name} gives a wrong page.`);
    if (size > 10_000) continue;
    const { entries } = await read(`${origin}${all}`, credential);
    if ((entries as unknown[]).length !== size) throw new Error(`${name} exports another number of activities.`);
  }
}

const megabytes = (bytes: number) => bytes / 1024 / 1024;

const begun = performance.now();
function tell(line: string): void {
  console.error(`${((performance.now() - begun) / 1_000).toFixed(0).padStart(4)} s  ${line}`);
}

function readArguments(): { plan: Plan; only: ReadonlySet<Work>; json: string | undefined } {
  const { values } = parseArgs({
    options: { quick: { type: 'boolean' }, json: { type: 'string' }, only: { type: 'string' } },
  });
  const only = values.only?.split(',') ?? works;
  const unknown = only.find((name) => !(works as readonly string[]).includes(name));
  if (unknown !== undefined) throw new Error(`--only ${unknown} is none of ${works.join(', ')}.`);
  return { plan: values.quick ? quickPlan : fullPlan, only: new Set(only as Work[]), json: values.json };
}

let interrupted = false;

async function main(): Promise<void> {
  const { plan, only, json } = readArguments();
  const folder = await mkdtemp(join(tmpdir(), 'register-bench-'));
  const clean = async () => {
    await endAll();
    await rm(folder, { recursive: true, force: true });
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      interrupted = true;
      void clean().finally(() => process.exit(1));
    });
  }
  const loadBefore = loadavg()[0]!;
  const bench = new Bench(plan, only, folder);
  try {
    await bench.run();
  } finally {
    await clean();
  }
  console.log(
    `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model.trim()}, load average before ${loadBefore.toFixed(1)}, ${connections} connections`,
  );
  console.log(tableOf(bench.results, bench.remarks));
  for (const line of growthOf(bench.results)) console.log(line);
  if (json !== undefined) await writeFile(json, jsonOf(bench.results));
}

await main().catch((error: unknown) => {
  // What fails because its processes are being ended is no news.
  if (interrupted) return;
  console.error(error instanceof Error ? (error.stack ?? error.message) : error);
  process.exitCode = 1;
});

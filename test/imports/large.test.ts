/** A register of 5,000 activities in one file: planned, applied in one transaction, and nothing left to do. */
import t from 'tap';
import { startService } from '../service.ts';
import { many } from './documents.ts';

t.setTimeout(230_000);

const activities = 5_000;

const service = await startService(t);
const client = await service.client('large', 'dpo');
const file = many(activities);
const counted = (list: readonly { type: string }[], type: string) => list.filter((each) => each.type === type).length;

t.test('thousands of activities go in at once', async (t) => {
  const planned = await client.post('/v1/imports?source=register', file);
  t.equal(planned.status, 201, planned.text.slice(0, 300));
  t.same(
    planned.json.problems.filter(({ severity }: { severity: string }) => severity === 'error'),
    [],
  );
  t.equal(counted(planned.json.created, 'processingActivity'), activities);
  t.equal((await client.get('/v1/changes')).json.items.length, 0, 'so far nothing has changed');

  const applied = await client.post(`/v1/imports/${planned.json.id}/apply`);
  t.match([applied.status, applied.json?.state], [200, 'applied'], applied.text.slice(0, 300));
  const created = planned.json.created.length;
  t.equal(Number(applied.headers['log-sequence']), created, 'one entry for each resource');

  const references = new Set<string>();
  for (let next: string | undefined = '/v1/processing-activities?limit=200'; next !== undefined; ) {
    const { json, headers } = await client.get(next);
    for (const { reference, state } of json.items) {
      t.equal(state, 'draft', reference);
      references.add(reference);
    }
    next = /<([^>]+)>; rel="next"/.exec(headers.link ?? '')?.[1];
  }
  t.equal(references.size, activities, 'all are there');
  const changed = (await client.get(`/v1/changes?limit=1000&after=${created - 1000}`)).json.items;
  t.same(new Set(changed.map(({ at }: { at: string }) => at)).size, 1, 'written at one time, in one transaction');

  const again = await client.post('/v1/imports?source=register', file);
  t.same(
    [again.json.created, again.json.changed, again.json.unchanged],
    [[], [], created],
    'the same file plans nothing',
  );
  t.comment(`${activities} activities, ${created} resources`);
});

import t from 'tap';
import { definitionOf } from '../../src/article30/index.ts';
import {
  approve,
  create,
  discard,
  edit,
  type Moment,
  operations,
  remove,
  retire,
  review,
  StateConflict,
  stated,
  submit,
  writableOf,
} from '../../src/article30/life.ts';
import { defaultSettings } from '../../src/article30/settings.ts';

const activity = definitionOf('processingActivity');
const basis = definitionOf('legalBasis');
let made = 0;
const at = (now: string, settings = {}): Moment => ({
  now,
  actor: 'actor',
  settings: { ...defaultSettings, ...settings },
  newId: () => `id-${++made}`,
});
const first = at('2026-03-03T09:30:00.000Z');
const later = at('2026-03-04T10:00:00.000Z');
const required = { buildingBlockApproval: 'required' } as const;

t.test('a new building block is approved by itself, or a draft where approval is required', async (t) => {
  const writable = { name: 'Duty', ground: 'legalObligation' };
  const automatic = create(basis, writable, 'duty', at(first.now));
  t.strictSame(automatic, {
    operation: 'create',
    approved: true,
    content: {
      name: 'Duty',
      ground: 'legalObligation',
      kind: 'article6',
      article: '6(1)(c)',
      id: `id-${made}`,
      reference: 'duty',
      version: 1,
      approvedVersion: 1,
      state: 'approved',
      archived: false,
      createdAt: first.now,
      updatedAt: first.now,
    },
  });
  const draft = create(basis, writable, 'duty', at(first.now, required));
  t.equal(draft.approved, false);
  t.equal(draft.content!.state, 'draft');
  t.notOk('approvedVersion' in draft.content!, 'absent, not undefined or null');
  t.equal(create(activity, { name: 'A' }, 'a', first).approved, false, 'an activity never approves itself');
});

t.test('what follows from the content follows from the new one after an edit', async (t) => {
  const { content } = create(basis, { name: 'Duty', ground: 'legalObligation' }, 'duty', first);
  const step = edit(basis, content!, { name: 'Duty', ground: 'consent', reference: 'other' }, later);
  t.match(step, {
    operation: 'update',
    approved: true,
    content: {
      version: 2,
      approvedVersion: 2,
      ground: 'consent',
      article: '6(1)(a)',
      reference: 'other',
      createdAt: first.now,
      updatedAt: later.now,
    },
  });
  const bare = edit(basis, content!, { name: 'Duty' }, later);
  t.notOk('article' in bare.content!, 'without a ground there is no article');
  t.equal(bare.content!.reference, 'duty');
});

t.test('approval, review and retirement set what only they set; edits keep it', async (t) => {
  const draft = create(activity, { name: 'A' }, 'a', first).content!;
  const approved = approve(activity, draft, at('2024-02-29T09:30:00.000Z'))!.content!;
  t.match(approved, {
    version: 2,
    approvedVersion: 2,
    state: 'approved',
    approvedAt: '2024-02-29T09:30:00.000Z',
    approvedBy: 'actor',
    reviewDueOn: '2025-02-28',
  });
  const edited = edit(activity, approved, { name: 'B' }, later).content!;
  t.match(edited, {
    name: 'B',
    version: 3,
    approvedVersion: 2,
    state: 'draft',
    approvedBy: 'actor',
    reviewDueOn: '2025-02-28',
  });
  t.strictSame(writableOf(activity, edited), { reference: 'a', name: 'B' });
  const back = discard(activity, edited, approved, later)!;
  t.strictSame(back, {
    operation: 'discard',
    approved: false,
    content: { ...approved, version: 4, updatedAt: later.now },
  });
  const reviewed = review(activity, approved, at(later.now, { reviewInterval: 'P6M' })).content!;
  t.match(reviewed, {
    version: 3,
    approvedVersion: 3,
    reviewedOn: '2026-03-04',
    reviewDueOn: '2026-09-04',
    approvedAt: approved.approvedAt,
  });
  const retired = retire(activity, reviewed, { endedOn: '2026-03-01' }, later)!;
  t.match(retired, {
    operation: 'retire',
    approved: true,
    content: { state: 'retired', version: 4, approvedVersion: 4, retirement: { endedOn: '2026-03-01' } },
  });
  t.equal(retire(activity, retired.content!, { endedOn: '2026-03-01' }, later), undefined, 'that is said already');
  const corrected = retire(activity, retired.content!, { endedOn: '2026-02-28', dataDisposal: 'Erased.' }, later)!;
  t.strictSame(corrected, {
    operation: 'retire',
    approved: true,
    content: {
      ...retired.content,
      version: 5,
      approvedVersion: 5,
      retirement: { endedOn: '2026-02-28', dataDisposal: 'Erased.' },
    },
  });
  t.equal(approve(activity, approved, later), undefined, 'approved already');
  t.equal(discard(activity, retired.content!, retired.content!, later), undefined, 'nothing to throw away');
});

t.test('a step gives a new content and leaves the stored one alone', async (t) => {
  const draft = create(activity, { name: 'A', owner: { name: 'x' } }, 'a', first).content!;
  const before = JSON.stringify(draft);
  submit(activity, draft, later);
  approve(activity, draft, later);
  edit(activity, draft, { name: 'B' }, later);
  t.equal(JSON.stringify(draft), before);
});

t.test('a step that the state does not allow says so, in words', async (t) => {
  const draft = create(activity, { name: 'A' }, 'a', first).content!;
  const approved = approve(activity, draft, first)!.content!;
  const retired = retire(activity, approved, { endedOn: '2026-03-01' }, later)!.content!;
  const conflicts: [() => unknown, RegExp][] = [
    [() => submit(activity, approved, later), /this is approved/],
    [() => review(activity, draft, later), /this is a draft/],
    [() => retire(activity, draft, { endedOn: '2026-03-01' }, later), /Approve it/],
    [() => edit(activity, retired, { name: 'B' }, later), /retired/],
    [() => approve(activity, retired, later), /retired/],
    [() => approve(activity, { ...draft, archived: true }, later), /restore it first/],
    [() => discard(activity, draft, undefined, later), /never|ever/],
    [() => remove(activity, approved, defaultSettings), /retire it instead/],
  ];
  for (const [take, words] of conflicts) t.throws(take, { name: 'StateConflict', message: words });
  t.ok(new StateConflict('x') instanceof Error);
});

t.test('a deletion leaves no content, and the log knows whether the register showed it', async (t) => {
  t.strictSame(remove(basis, create(basis, { name: 'B' }, 'b', first).content!, defaultSettings), {
    operation: 'delete',
    content: null,
    approved: true,
  });
  t.strictSame(remove(basis, create(basis, { name: 'B' }, 'b', at(first.now, required)).content!, defaultSettings), {
    operation: 'delete',
    content: null,
    approved: false,
  });
});

t.test('a body is what it states: nothing read-only, nothing empty, an id on each line', async (t) => {
  const body = {
    id: 'x',
    version: 9,
    approvedBy: 'x',
    name: 'A',
    systemIds: [],
    owner: {},
    transfers: [{ country: 'US' }],
    unknown: 1,
  };
  t.strictSame(
    stated(activity, body, undefined, () => 'line'),
    { name: 'A', transfers: [{ country: 'US', lineId: 'line' }] },
  );
});

t.test('the operations of the log are the closed list of its format', async (t) => {
  t.strictSame(
    operations.join(' '),
    'create update discard submit approve reject retire review archive restore delete redact seal',
  );
});

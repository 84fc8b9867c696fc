import t from 'tap';
import { folded, searchQuery, searchWords } from '../../src/db/search.ts';

t.test('case and accents fold away, in any script', async (t) => {
  const cases: [text: string, folded: string][] = [
    ['Société GÉNÉRALE', 'societe generale'],
    ['Straße', 'strasse'],
    ['STRASSE', 'strasse'],
    ['Œuvre Ægir', 'oeuvre aegir'],
    ['Łódź Đorđe Ørsted', 'lodz dorde orsted'],
    ['ﬁn ＡＢＣ ①', 'fin abc 1'],
    ['İstanbul', 'istanbul'],
    ['Λογιστήριο', 'λογιστηριο'],
    ['Бухгалтерия', 'бухгалтерия'],
    ['é', 'e'],
    ['e\u0301', 'e'],
  ];
  for (const [text, expected] of cases) t.equal(folded(text), expected, text);
});

t.test('words are letters and digits; all else parts them', async (t) => {
  t.strictSame(searchWords('dpo@example.com: 2026-017, R&D (3.5) l’été _x_'), [
    'dpo',
    'example',
    'com',
    '2026',
    '017',
    'r',
    'd',
    '3',
    '5',
    'l',
    'ete',
    'x',
  ]);
  t.strictSame(searchWords(' -!&|:*() '), []);
});

t.test('a query asks for the beginnings of all words, and is no way into the query language', async (t) => {
  t.equal(searchQuery('Soc GÉN'), 'soc:* & gen:*');
  t.equal(searchQuery("a' | !b <-> (c):*"), 'a:* & b:* & c:*');
  t.equal(searchQuery("&|!():*<->\\'"), undefined, 'without a word there is no query');
  t.equal(searchQuery(''), undefined);
  t.equal(searchQuery(Array.from({ length: 50 }, (_, i) => `w${i}`).join(' '))!.split(' & ').length, 20, 'bounded');
});

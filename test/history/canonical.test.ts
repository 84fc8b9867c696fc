import t from 'tap';
import { CanonicalizationError, canonicalize, MAX_DEPTH } from '../../src/history/canonical.ts';

/** The double with the given IEEE 754 bits. */
function double(bits: string): number {
  return Buffer.from(bits, 'hex').readDoubleBE();
}

t.test('RFC 8785, appendix B: numbers', async (t) => {
  const numbers: [bits: string, text: string][] = [
    ['0000000000000000', '0'],
    ['8000000000000000', '0'],
    ['0000000000000001', '5e-324'],
    ['8000000000000001', '-5e-324'],
    ['7fefffffffffffff', '1.7976931348623157e+308'],
    ['ffefffffffffffff', '-1.7976931348623157e+308'],
    ['4340000000000000', '9007199254740992'],
    ['c340000000000000', '-9007199254740992'],
    ['4430000000000000', '295147905179352830000'],
    ['44b52d02c7e14af5', '9.999999999999997e+22'],
    ['44b52d02c7e14af6', '1e+23'],
    ['44b52d02c7e14af7', '1.0000000000000001e+23'],
    ['444b1ae4d6e2ef4e', '999999999999999700000'],
    ['444b1ae4d6e2ef4f', '999999999999999900000'],
    ['444b1ae4d6e2ef50', '1e+21'],
    ['3eb0c6f7a0b5ed8c', '9.999999999999997e-7'],
    ['3eb0c6f7a0b5ed8d', '0.000001'],
    ['41b3de4355555553', '333333333.3333332'],
    ['41b3de4355555554', '333333333.33333325'],
    ['41b3de4355555555', '333333333.3333333'],
    ['41b3de4355555556', '333333333.3333334'],
    ['41b3de4355555557', '333333333.33333343'],
    ['becbf647612f3696', '-0.0000033333333333333333'],
    ['43143ff3c1cb0959', '1424953923781206.2'],
  ];
  for (const [bits, text] of numbers) t.equal(canonicalize(double(bits)), text, bits);
  for (const bits of ['7fffffffffffffff', '7ff0000000000000', 'fff0000000000000']) {
    t.throws(() => canonicalize(double(bits)), CanonicalizationError, bits);
  }
  t.comment(`${numbers.length} numbers printed, 3 refused`);
});

t.test('RFC 8785, sections 3.2.2 to 3.2.4: the worked example, as text and as bytes', async (t) => {
  const value: unknown = JSON.parse(String.raw`{
    "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
    "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
    "literals": [null, true, false]
  }`);
  const bytes = `
    7b 22 6c 69 74 65 72 61 6c 73 22 3a 5b 6e 75 6c 6c 2c 74 72 75 65 2c 66 61 6c 73 65 5d 2c 22 6e 75 6d 62 65 72 73
    22 3a 5b 33 33 33 33 33 33 33 33 33 2e 33 33 33 33 33 33 33 2c 31 65 2b 33 30 2c 34 2e 35 2c 30 2e 30 30 32 2c 31
    65 2d 32 37 5d 2c 22 73 74 72 69 6e 67 22 3a 22 e2 82 ac 24 5c 75 30 30 30 66 5c 6e 41 27 42 5c 22 5c 5c 5c 5c 5c
    22 2f 22 7d`;
  t.equal(
    canonicalize(value),
    String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
  );
  t.equal(Buffer.from(canonicalize(value)).toString('hex'), bytes.replace(/\s/g, ''));
});

t.test('RFC 8785, section 3.2.3: members in the order of UTF-16 code units', async (t) => {
  const value: unknown = JSON.parse(String.raw`{
    "\u20ac": "Euro Sign",
    "\r": "Carriage Return",
    "\ufb33": "Hebrew Letter Dalet With Dagesh",
    "1": "One",
    "\ud83d\ude00": "Emoji: Grinning Face",
    "\u0080": "Control",
    "\u00f6": "Latin Small Letter O With Diaeresis"
  }`);
  const order = [...canonicalize(value).matchAll(/:"([^"]+)"/g)].map(([, text]) => text);
  t.same(order, [
    'Carriage Return',
    'One',
    'Control',
    'Latin Small Letter O With Diaeresis',
    'Euro Sign',
    'Emoji: Grinning Face',
    'Hebrew Letter Dalet With Dagesh',
  ]);
});

t.test('the test data published with the RFC (cyberphone/json-canonicalization)', async (t) => {
  const published: [name: string, input: string, output: string][] = [
    [
      'arrays',
      '[\n  56,\n  {\n    "d": true,\n    "10": null,\n    "1": [ ]\n  }\n]',
      '[56,{"1":[],"10":null,"d":true}]',
    ],
    [
      'french',
      '{"peach":"This sorting order","péché":"is wrong according to French","pêche":"but canonicalization MUST","sin":"ingnore locale"}',
      '{"peach":"This sorting order","péché":"is wrong according to French","pêche":"but canonicalization MUST","sin":"ingnore locale"}',
    ],
    [
      'structures',
      String.raw`{"1": {"f": {"f": "hi","F": 5} ,"\n": 56.0}, "10": { }, "": "empty", "a": { }, "111": [ { } ], "A": { } }`,
      String.raw`{"":"empty","1":{"\n":56,"f":{"F":5,"f":"hi"}},"10":{},"111":[{}],"A":{},"a":{}}`,
    ],
    ['unicode', String.raw`{"Unnormalized Unicode":"\u1e0d\u0307"}`, '{"Unnormalized Unicode":"\u1e0d\u0307"}'],
    [
      'values',
      String.raw`{"numbers":[1E30, 4.50, 333333333.33333329, 2e-3, 0.000000000000000000000000001],"escaping":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null, true, false]}`,
      String.raw`{"escaping":"€$\u000f\nA'B\"\\\\\"/","literals":[null,true,false],"numbers":[1e+30,4.5,333333333.3333333,0.002,1e-27]}`,
    ],
    [
      'weird',
      String.raw`{"\u20ac":"Euro Sign","1":"One","\u0080":"Control\u007f","\ud83d\ude02":"Smiley","\u00f6":"Latin Small Letter O With Diaeresis","\ufb33":"Hebrew Letter Dalet With Dagesh","</script>":"Browser Challenge"}`,
      '{"1":"One","</script>":"Browser Challenge","\u0080":"Control\u007f","ö":"Latin Small Letter O With Diaeresis","€":"Euro Sign","😂":"Smiley","\ufb33":"Hebrew Letter Dalet With Dagesh"}',
    ],
  ];
  for (const [name, input, output] of published) t.equal(canonicalize(JSON.parse(input)), output, name);
  t.comment(`${published.length} documents`);
});

t.test('its own output is already canonical, whatever the order the members came in', async (t) => {
  const text = canonicalize({ b: [1, { z: null, y: 'ü' }], a: { d: 1.5, c: '\u2028' } });
  t.equal(canonicalize(JSON.parse(text)), text);
  t.equal(canonicalize({ a: { c: '\u2028', d: 1.5 }, b: [1, { y: 'ü', z: null }] }), text);
});

t.test('many members are sorted as few are, and each kind of character is written as ECMAScript does', async (t) => {
  const names = Array.from({ length: 200 }, (_, at) => `${(at * 7919) % 200}`);
  for (const count of [2, 31, 32, 33, 200]) {
    const some = names.slice(0, count);
    const text = canonicalize(Object.fromEntries(some.map((name) => [name, 0])));
    t.same(
      [...text.matchAll(/"(\d+)"/g)].map(([, name]) => name),
      some.toSorted(),
      `${count} members`,
    );
  }

  const wrong: string[] = [];
  for (let unit = 0; unit <= 0xffff; unit++) {
    const character = String.fromCharCode(unit);
    if (unit >= 0xd800 && unit <= 0xdfff) continue;
    if (canonicalize(`x${character}`) !== JSON.stringify(`x${character}`)) wrong.push(unit.toString(16));
  }
  t.same(wrong, [], 'all code units but surrogates');
});

t.test('members that are undefined are left out, an explicit null stays', async (t) => {
  t.equal(canonicalize({ a: undefined, b: null, c: { d: undefined } }), '{"b":null,"c":{}}');
  t.equal(canonicalize(Object.assign(Object.create(null), { b: 1, a: 2 })), '{"a":2,"b":1}');
  t.equal(canonicalize(JSON.parse('{"__proto__":{"x":1},"a":1}')), '{"__proto__":{"x":1},"a":1}');
});

t.test('what JSON cannot carry is refused, and the error says where it stands but not what it is', async (t) => {
  class Person {
    name = 'Ada';
  }
  const cyclic: Record<string, unknown> = {};
  cyclic.self = cyclic;
  const refused: [what: string, value: unknown, pointer: string | undefined][] = [
    ['undefined', undefined, ''],
    ['undefined in a list', { a: [1, undefined] }, '/a/1'],
    ['a hole in a list', new Array(1), '/0'],
    ['NaN', { a: { b: Number.NaN } }, '/a/b'],
    ['infinity', [[Number.POSITIVE_INFINITY]], '/0/0'],
    ['a high surrogate alone', { a: 'x\ud83d' }, '/a'],
    ['a low surrogate alone', { a: ['\ude00x'] }, '/a/0'],
    ['surrogates the wrong way round', '\ude00\ud83d', ''],
    ['a lone surrogate in a name', { 'a\ud800': 1 }, '/a\ud800'],
    ['a bigint', { a: 1n }, '/a'],
    ['a function', { a: () => 'Ada' }, '/a'],
    ['a symbol', { a: Symbol('Ada') }, '/a'],
    ['a date', { a: new Date(0) }, '/a'],
    ['a map', { a: new Map() }, '/a'],
    ['a buffer', { a: Buffer.from('Ada') }, '/a'],
    ['an object of a class', { 'a/b~c': new Person() }, '/a~1b~0c'],
    ['an object that contains itself', cyclic, undefined],
  ];
  for (const [what, value, pointer] of refused) {
    try {
      canonicalize(value);
      t.fail(`${what} was accepted`);
    } catch (error) {
      if (!(error instanceof CanonicalizationError)) throw error;
      if (pointer !== undefined) t.equal(error.pointer, pointer, what);
      t.notMatch(error.message, /Ada|\ud83d/, `${what} is not repeated`);
    }
  }
  t.comment(`${refused.length} values refused`);
});

t.test('nesting', async (t) => {
  const nest = (depth: number, wrap: (inner: unknown) => unknown): unknown => {
    let value: unknown = 1;
    for (let level = 0; level < depth; level++) value = wrap(value);
    return value;
  };
  const lists = (depth: number) => nest(depth, (inner) => [inner]);
  const objects = (depth: number) => nest(depth, (a) => ({ a }));

  t.equal(canonicalize(lists(64)), `${'['.repeat(64)}1${']'.repeat(64)}`);
  t.equal(canonicalize(objects(64)), `${'{"a":'.repeat(64)}1${'}'.repeat(64)}`);
  t.equal(canonicalize(lists(MAX_DEPTH)).length, 2 * MAX_DEPTH + 1);
  t.throws(() => canonicalize(lists(MAX_DEPTH + 1)), CanonicalizationError);
  t.throws(() => canonicalize(objects(100_000)), CanonicalizationError);

  // Sixteen levels, each holding the level below twice: every node is written once for each place it has.
  const doubled = nest(16, (inner) => ({ a: inner, b: inner }));
  t.equal(canonicalize(doubled), JSON.stringify(doubled));
});

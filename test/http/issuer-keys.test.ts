/** The issuer's keys: found, changed, withdrawn, and not to be had. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import type { JWK } from 'jose';
import t from 'tap';
import { readConfig } from '../../src/config.ts';
import { createTokenVerifier } from '../../src/http/tokens.ts';
import { AUDIENCE, judge, makeKey, startIssuer } from '../issuer.ts';

t.test('the keys are found by the openid-configuration when no address is set', async (t) => {
  const issuer = await startIssuer(t);
  const config = () => readConfig({ AUTH_ISSUER: issuer.url, AUTH_AUDIENCE: AUDIENCE });
  t.match(await judge(await createTokenVerifier(config()), await issuer.token()), { verified: { subject: 'marie' } });
  t.equal(issuer.state.discoveries, 1);

  const wrong: [string, Record<string, unknown>][] = [
    ['of another issuer', { issuer: 'https://evil.example.org' }],
    ['without keys', { jwks_uri: undefined }],
    ['with keys in the clear', { jwks_uri: 'http://keys.example.org/' }],
    ['with keys in a file', { jwks_uri: 'file:///etc/passwd' }],
  ];
  for (const [title, configuration] of wrong) {
    issuer.state.configuration = configuration;
    const judged = await judge(await createTokenVerifier(config()), await issuer.token());
    t.match(judged, { status: 503, code: 'unavailable' }, `an openid-configuration ${title}`);
  }
  t.comment(`${wrong.length} wrong documents`);
});

t.test('a new key of the issuer is taken up, a withdrawn one forgotten', async (t) => {
  const issuer = await startIssuer(t);
  let now = issuer.seconds * 1000;
  const verifier = await createTokenVerifier(issuer.config(), { now: () => now });
  const old = issuer.state.keys[0]!;
  t.match(await judge(verifier, await issuer.token()), { verified: {} });

  issuer.state.keys = [await makeKey('ES256', 'second')];
  now += 6_000;
  t.match(await judge(verifier, await issuer.token()), { verified: {} }, 'the new key at once');
  t.equal(issuer.state.fetches, 2);
  t.match(await judge(verifier, await issuer.token({ jti: 'other' }, old)), { status: 401 }, 'the old key no more');
});

t.test('made-up key names do not become a storm on the issuer', async (t) => {
  const issuer = await startIssuer(t);
  let now = issuer.seconds * 1000;
  const verifier = await createTokenVerifier(issuer.config(), { now: () => now });
  const stranger = await makeKey('ES256', 'stranger');
  const storm = async (): Promise<void> => {
    const tokens = await Promise.all(
      Array.from({ length: 100 }, (_, n) => issuer.token({}, stranger, { kid: `made-up-${n}` })),
    );
    const judged = await Promise.all(tokens.map((token) => judge(verifier, token)));
    t.strictSame([...new Set(judged.map(({ status }) => status))], [401]);
  };
  await storm();
  t.equal(issuer.state.fetches, 1, '100 requests at once');
  now += 4_000;
  await storm();
  t.equal(issuer.state.fetches, 1, 'and soon after');
  now += 2_000;
  await storm();
  t.equal(issuer.state.fetches, 2, 'then one more');
});

t.test('while the issuer is away its last keys serve; a key it never gave is 503, not 401', async (t) => {
  const issuer = await startIssuer(t);
  let now = issuer.seconds * 1000;
  const clock = { now: () => now };
  const answers: [string, (request: IncomingMessage, response: ServerResponse) => void][] = [
    ['closes the connection', (request) => request.destroy()],
    ['fails', (_request, response) => response.writeHead(500).end('{"keys": []}')],
    ['redirects', (_request, response) => response.writeHead(302, { location: `${issuer.url}/elsewhere` }).end()],
    ['sends no JSON', (_request, response) => response.end('<html>')],
    [
      'sends too much',
      (_request, response) => {
        const keys = issuer.state.keys.map(({ publicJwk }) => publicJwk);
        response.end(JSON.stringify({ keys, padding: 'x'.repeat(300_000) }));
      },
    ],
    ['sends no key set', (_request, response) => response.end('{"keys": {}}')],
    [
      'sends without end',
      (_request, response) => {
        const more = (): void => {
          while (response.write('x'.repeat(65_536)));
          response.once('drain', more);
        };
        more();
      },
    ],
  ];
  for (const [title, answer] of answers) {
    const known = await createTokenVerifier(issuer.config(), clock);
    const fresh = await createTokenVerifier(issuer.config(), clock);
    const token = await issuer.token({ exp: issuer.seconds + 3 * 86_400 });
    t.match(await judge(known, token), { verified: {} });

    issuer.state.answer = answer;
    const before = issuer.state.fetches;
    t.match(await judge(fresh, token), { status: 503, code: 'unavailable' }, `an issuer that ${title}, at the start`);
    t.match(await judge(fresh, token), { status: 503 }, 'again');
    t.equal(issuer.state.fetches - before, 1, 'one attempt, not one for each request');
    now += 2 * 3_600_000;
    t.match(await judge(known, token), { verified: {} }, 'hours later the known keys still serve');
    const unknown = await issuer.token({}, await makeKey('ES256', 'third'));
    t.match(await judge(known, unknown), { status: 503 }, 'a new key might be good: nobody can tell');
    now += 23 * 3_600_000;
    t.match(await judge(known, token), { status: 503 }, 'after a day they do not');

    issuer.state.answer = undefined;
    now += 3_000;
    t.match(await judge(known, token), { verified: {} }, 'when it is back, all is well');
    t.match(await judge(fresh, token), { verified: {} });
    now = issuer.seconds * 1000;
  }
  t.comment(`${answers.length} ways to be away`);
});

t.test('whoever has a known key waits for no issuer', async (t) => {
  const issuer = await startIssuer(t);
  let now = issuer.seconds * 1000;
  const said: string[] = [];
  const log = { warn: (line: string) => said.push(line), info: (line: string) => said.push(line) };
  const verifier = await createTokenVerifier(issuer.config(), { now: () => now, log });
  const known = (jti: number) => issuer.token({ exp: issuer.seconds + 86_400, jti: String(jti) });
  t.match(await judge(verifier, await known(1)), { verified: {} });

  // An answer that the test gives when it likes.
  const asked: ServerResponse[] = [];
  issuer.state.answer = (_request, response) => asked.push(response);
  const other = await makeKey('ES256', 'second');
  now += 6_000;
  const waiting = judge(verifier, await issuer.token({}, other));
  t.match(await judge(verifier, await known(2)), { verified: {} }, 'while somebody waits for an unknown key');
  while (asked.length < 1) await setImmediate();
  asked[0]?.end(JSON.stringify({ keys: [...issuer.state.keys, other].map(({ publicJwk }) => publicJwk) }));
  t.match(await waiting, { verified: {} }, 'which came');

  now += 11 * 60_000;
  t.match(await judge(verifier, await known(3)), { verified: {} }, 'when the keys have grown old');
  while (asked.length < 2) await setImmediate();
  asked[1]?.writeHead(500).end();
  while (said.length === 0) await setImmediate();
  now += 60 * 60_000;
  t.match(await judge(verifier, await known(4)), { verified: {} }, 'and when the issuer is known to be away');
  while (asked.length < 3) await setImmediate();
  asked[2]?.end(JSON.stringify({ keys: [other.publicJwk] }));
  while (said.length < 2) await setImmediate();
  t.match(await judge(verifier, await known(4)), { status: 401 }, 'until it withdraws the key');
  t.strictSame(said, [
    `The keys of the token issuer ${issuer.url} cannot be fetched: the answer has status 500`,
    'The keys of the token issuer are there again.',
  ]);
});

t.test('readiness asks for the first keys, and stays while the issuer is away', async (t) => {
  const issuer = await startIssuer(t);
  let now = issuer.seconds * 1000;
  const said: string[] = [];
  const log = { warn: (line: string) => said.push(line), info: (line: string) => said.push(line) };
  const verifier = await createTokenVerifier(issuer.config(), { now: () => now, log });
  issuer.state.answer = (_request, response) => response.end('<html>personal</html>');
  t.equal(verifier.isReady(), false);
  while (said.length === 0) await setImmediate();
  t.equal(verifier.isReady(), false);
  t.equal(issuer.state.fetches, 1, 'not asked again at once');
  issuer.state.answer = undefined;
  now += 3_000;
  t.equal(verifier.isReady(), false, 'it does not wait');
  while (!verifier.isReady()) await setImmediate();
  issuer.state.answer = (request) => request.destroy();
  now += 23 * 3_600_000;
  t.equal(verifier.isReady(), true);
  while (said.length < 3) await setImmediate();
  now += 2 * 3_600_000;
  t.equal(verifier.isReady(), false, 'after a day its keys are worth nothing');
  t.match(said, [/the answer is no JSON$/, /there again/, /fetch failed \(.+\)$/]);
});

t.test('an issuer that does not answer is given up after seconds', async (t) => {
  const issuer = await startIssuer(t);
  issuer.state.answer = () => {};
  const verifier = await createTokenVerifier(issuer.config());
  const tokens = await Promise.all([1, 2, 3].map((n) => issuer.token({ jti: String(n) })));
  const judged = await Promise.all(tokens.map((token) => judge(verifier, token)));
  t.strictSame(
    judged.map(({ status }) => status),
    [503, 503, 503],
  );
  t.equal(issuer.state.fetches, 1, 'all waited for one attempt');
});

t.test('keys without names: the signature tells which', async (t) => {
  const issuer = await startIssuer(t);
  const keys = await Promise.all(['a', 'b', 'c'].map((kid) => makeKey('ES256', kid)));
  issuer.state.keys = keys.map((key) => {
    const { kid: _kid, ...publicJwk } = key.publicJwk;
    return { ...key, publicJwk: publicJwk as JWK };
  });
  const verifier = await createTokenVerifier(issuer.config());
  for (const key of keys) {
    t.match(await judge(verifier, await issuer.token({}, key, { kid: undefined })), { verified: {} }, key.kid);
  }
  const stranger = await makeKey('ES256', 'd');
  t.match(await judge(verifier, await issuer.token({}, stranger, { kid: undefined })), { status: 401 });
});

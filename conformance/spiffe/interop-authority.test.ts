// SPIRE's agent commands and go-spiffe are clients of our authority's Workload API.
import { parseUnverifiedJwtSvid } from '@muster/spiffe';
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, suite, test } from 'node:test';
import { type OurAuthority, startOurAuthority } from './our-authority.ts';
import { findPeers } from './peers.ts';
import { Program, run, runJson } from './program.ts';

const { paths, skip } = await findPeers();
const spireAgent = paths?.['spire-agent'] ?? '';
const goSpiffe = paths?.['go-spiffe-peer'] ?? '';
const trustDomain = 'ours.example';
const id = (path: string): string => `spiffe://${trustDomain}${path}`;
const audience = id('/audience');
const entry = (
  path: string,
  program: string,
  hint: string,
): Parameters<typeof startOurAuthority>[1][number] => ({
  spiffe_id: id(path),
  parent_id: id('/authority'),
  selectors: [{ type: 'unix', value: `path:${program}` }],
  hint,
});

interface FetchedX509 {
  readonly svids: {
    spiffe_id: string;
    x509_svid: string;
    x509_svid_key: string;
    bundle: string;
    hint: string;
  }[];
}

type FetchedJwt = [
  { svids: { spiffe_id: string; svid: string; hint: string }[] },
  { bundles: Record<string, string> },
];

suite("SPIRE's agent commands at our authority", { skip }, () => {
  let ours: OurAuthority;
  const socket = (): string[] => ['-socketPath', ours.workloadApiSocket];
  const json = <T>(...words: string[]): Promise<T> =>
    runJson<T>(spireAgent, ['api', ...words, ...socket(), '-output', 'json']);

  before(async () => {
    if (skip !== false) return;
    ours = await startOurAuthority(trustDomain, [
      entry('/agent', spireAgent, 'one'),
      entry('/agent/second', spireAgent, 'two'),
    ]);
  });
  after(() => ours?.[Symbol.asyncDispose]());

  test('api fetch x509: both identities, the bundle signs each', async () => {
    const { svids } = await json<FetchedX509>('fetch', 'x509');
    assert.deepEqual(svids.map(({ spiffe_id, hint }) => `${spiffe_id} ${hint}`).toSorted(), [
      `${id('/agent')} one`,
      `${id('/agent/second')} two`,
    ]);
    for (const svid of svids) {
      const leaf = new X509Certificate(Buffer.from(svid.x509_svid, 'base64'));
      const authority = new X509Certificate(Buffer.from(svid.bundle, 'base64'));
      assert.ok(leaf.verify(authority.publicKey));
      assert.equal(leaf.subjectAltName, `URI:${svid.spiffe_id}`);
    }
  });

  test('api fetch x509 in its pretty form, which parses every certificate', async () => {
    const { code, stdout } = await run(spireAgent, ['api', 'fetch', 'x509', ...socket()]);
    assert.equal(code, 0);
    assert.match(stdout, /Received 2 svids/);
  });

  test('api fetch jwt, then api validate jwt: accepted; another audience: refused', async () => {
    const [{ svids }] = await json<FetchedJwt>(
      'fetch',
      'jwt',
      '-audience',
      audience,
      '-spiffeID',
      id('/agent'),
    );
    const token = svids[0]?.svid ?? '';
    assert.equal(parseUnverifiedJwtSvid(token).id.toString(), id('/agent'));
    const validate = (as: string): ReturnType<typeof run> =>
      run(spireAgent, ['api', 'validate', 'jwt', '-audience', as, '-svid', token, ...socket()]);
    const good = await validate(audience);
    assert.equal(good.code, 0, good.stderr);
    assert.match(good.stdout, /SVID is valid/);
    const bad = await validate('other');
    assert.notEqual(bad.code, 0);
    assert.match(bad.stderr + bad.stdout, /SVID is not valid/);
  });

  test('who has no entry is denied as SPIRE denies', async () => {
    for (const { id: entryId } of ours.authority.entries.list()) ours.authority.entries.delete(entryId);
    const denied = await run(spireAgent, ['api', 'fetch', 'x509', ...socket()]);
    assert.notEqual(denied.code, 0);
    assert.match(denied.stderr + denied.stdout, /PermissionDenied.*no identity issued/);
  });
});

suite('go-spiffe at our authority', { skip }, () => {
  let ours: OurAuthority;
  const at = (): string[] => ['-workload-api', ours.workloadApi];

  before(async () => {
    if (skip !== false) return;
    ours = await startOurAuthority(trustDomain, [entry('/peer', goSpiffe, 'first')]);
  });
  after(() => ours?.[Symbol.asyncDispose]());

  test('its X.509 context holds the identity with its hint, and the bundle', async () => {
    const found = await runJson<{ svids: { id: string; hint: string }[]; bundles: object }>(goSpiffe, [
      'x509',
      ...at(),
    ]);
    assert.deepEqual(
      found.svids.map(({ id: found, hint }) => [found, hint]),
      [[id('/peer'), 'first']],
    );
    assert.deepEqual(found.bundles, { [trustDomain]: 1 });
  });

  test('its watch sees a new entry, a pause of ours and the withdrawal', async () => {
    await using watch = new Program(goSpiffe, ['watch', ...at()]);
    const contexts = (): { id: string }[][] =>
      watch.events('context').map(({ svids }) => svids as { id: string }[]);
    await watch.until('the first context', () => contexts().length === 1);
    ours.authority.entries.create(entry('/peer/second', goSpiffe, ''));
    await watch.until('the second identity', () => contexts().at(-1)?.length === 2);
    await ours.authority.pause();
    await watch.until('the interruption', () => watch.events('interrupted').length > 0);
    const seen = contexts().length;
    await ours.authority.resume();
    await watch.until('a context after it', () => contexts().length > seen);
    const before = watch.events('interrupted').length;
    for (const { id: entryId } of ours.authority.entries.list()) ours.authority.entries.delete(entryId);
    await watch.until('the denial', () =>
      watch
        .events('interrupted')
        .slice(before)
        .some(({ reason }) => /PermissionDenied/.test(String(reason))),
    );
  });
});

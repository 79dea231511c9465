// Every vector before us and before each oracle, against what the index says.
import { SPIFFE_ERRORS } from '@muster/spiffe';
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, suite, test } from 'node:test';
import { makeVectors, toFiles } from '../vectors/make.ts';
import { fromPem, type JwtVector, pathOf, type Vector, type X509Vector } from '../vectors/vector.ts';
import { compare, type Disagreement, disagreements, type Oracle } from './disagreements.ts';
import { findGoSpiffe, GoSpiffe } from './go-spiffe.ts';
import { judgeByJose } from './jose.ts';
import { type Case, type JwtCase, judge, type Verdict, type X509Case } from './judge.ts';
import { findOpenssl, Openssl } from './openssl.ts';

const folder = new URL('../vectors/', import.meta.url);
const read = (path: string): Buffer => readFileSync(new URL(path, folder));
const index = JSON.parse(read('index.json').toString()) as { now: number; vectors: Vector[] };

type Files = (path: string) => Buffer;

function toCase(vector: Vector, files: Files, at: number): Case {
  if (vector.kind === 'x509') return toX509Case(vector, files, at);
  if (vector.kind === 'jwt') return toJwtCase(vector, files, at);
  if (vector.kind === 'id') return { kind: 'id', text: vector.text };
  return { kind: 'bundle', trustDomain: vector.trustDomain, document: files(pathOf(vector) ?? '') };
}

function toX509Case(vector: X509Vector, files: Files, at: number): X509Case {
  const { kind, trustDomain, bundle } = vector;
  const chain = fromPem(files(pathOf(vector) ?? '').toString());
  return { kind, trustDomain, chain, authorities: fromPem(files(`x509/${bundle}`).toString()), at };
}

function toJwtCase(vector: JwtVector, files: Files, at: number): JwtCase {
  const { kind, trustDomain, bundle, audience } = vector;
  const token = files(pathOf(vector) ?? '')
    .toString()
    .trim();
  return { kind, trustDomain, token, document: files(`jwt/${bundle}`), audience, at };
}

const said = (verdict: Verdict): string => (verdict.isAccepted ? 'accepted' : verdict.reason);

function checkOurs(vector: Vector, files: Files): void {
  const verdict = judge(toCase(vector, files, index.now));
  assert.equal(said(verdict), vector.ours, vector.name);
  if (vector.kind !== 'bundle' || !verdict.isAccepted) return;
  assert.deepEqual([verdict.x509, verdict.jwt], [vector.x509Authorities, vector.jwtAuthorities], vector.name);
}

suite('vectors, ours', () => {
  for (const vector of index.vectors) {
    test(`${vector.kind} ${vector.name}: ${vector.ours}`, () => checkOurs(vector, read));
  }

  test('the files are those that the script makes, and newly made ones are judged the same', () => {
    const made = makeVectors();
    const files = toFiles(made);
    const there = ['x509', 'jwt', 'bundle'].flatMap((kind) =>
      readdirSync(new URL(kind, folder)).map((name) => `${kind}/${name}`),
    );
    assert.deepEqual([...there, 'index.json'].toSorted(), [...files.keys()].toSorted());
    assert.deepEqual(JSON.parse(String(files.get('index.json'))), index, 'run "npm run generate:vectors"');
    for (const { vector } of made.vectors) checkOurs(vector, (path) => Buffer.from(files.get(path) ?? ''));
  });

  test('every code about an ID, a certificate, an SVID, a token or a document has its vector', () => {
    const elsewhere = new Map([
      ['ERR_ID_PATH_LEADING_SLASH', 'only when an ID is built of a path'],
      ['ERR_ID_NOT_AUTHORIZED', 'an answer of a matcher'],
      ['ERR_ID_NOT_TEXT', 'not of the type'],
      ['ERR_ID_TEMPLATE', 'a template'],
      ['ERR_ID_MATCHER', 'a matcher'],
      ['ERR_SVID_KEY_MALFORMED', 'needs a private key'],
      ['ERR_SVID_KEY_MISMATCH', 'needs a private key'],
      ['ERR_SVID_ID_MISMATCH', 'a response of the Workload API'],
      ['ERR_SVID_OUTDATED', 'a file source with an SVID before'],
      ['ERR_BUNDLE_ENTRY_IGNORED', 'not thrown'],
      ['ERR_BUNDLE_SIZE', 'a bundle endpoint'],
      ['ERR_BUNDLE_ROLLBACK', 'a bundle endpoint with a document before'],
      ['ERR_BUNDLE_TRUST_DOMAIN', 'a bundle endpoint'],
    ]);
    const shown = new Set(index.vectors.map(({ ours }) => ours));
    const missing = Object.keys(SPIFFE_ERRORS).filter(
      (code) =>
        /^ERR_(?:ID|CERTIFICATE|SVID|CA|JWT|JSON|BUNDLE)_(?!ENDPOINT)/.test(code) &&
        !(shown as Set<string>).has(code) &&
        !elsewhere.has(code),
    );
    assert.deepEqual(missing, []);
  });

  test('no private key lies among them', () => {
    for (const [path, contents] of toFiles(makeVectors())) {
      assert.doesNotMatch(String(contents), /PRIVATE KEY|"(?:d|p|q|dp|dq|qi)":/, path);
    }
    for (const { ours, name } of index.vectors) {
      assert.equal(ours === 'accepted', /^(?:valid|x509-key-|jwt-key-)/.test(name), `the name of ${name}`);
    }
  });
});

const { path, skip } = await findGoSpiffe();
const skipOpenssl = findOpenssl();
/** Rows of disagreements.json and oracles that a vector has shown. */
const shown = new Map<Disagreement, Set<Oracle>>();

/** Compares with what the index expects of the oracle, and demands a row where it is not what is expected of us. */
function checkOracle(vector: Vector, oracle: Oracle, expected: string | undefined, verdict: Verdict): void {
  const ours: Verdict =
    vector.ours === 'accepted' ? { isAccepted: true } : { isAccepted: false, reason: vector.ours };
  const wanted = expected ?? (ours.isAccepted ? 'accepted' : 'refused');
  assert.equal(verdict.isAccepted ? 'accepted' : 'refused', wanted, `${oracle} says ${said(verdict)}`);
  const plain: Verdict = verdict.isAccepted ? { isAccepted: true } : verdict;
  const difference = compare(vector.kind, oracle, ours, plain);
  if (difference === undefined) return;
  assert.ok(difference.row !== undefined, `not in disagreements.json: ${difference.words}`);
  const oracles = shown.get(difference.row) ?? new Set();
  shown.set(difference.row, oracles.add(oracle));
}

suite('vectors, go-spiffe', { skip }, () => {
  const goSpiffe = skip === false ? new GoSpiffe(path) : undefined;
  after(() => goSpiffe?.[Symbol.asyncDispose]());

  for (const vector of index.vectors) {
    test(`${vector.kind} ${vector.name}`, async () => {
      const asked = toCase(vector, read, index.now);
      const verdict = await goSpiffe!.judge(asked);
      checkOracle(vector, 'go-spiffe', vector.goSpiffe, verdict);
    });
  }
});

suite('vectors, openssl', { skip: skipOpenssl }, () => {
  const openssl = new Openssl();
  for (const vector of index.vectors) {
    if (vector.kind !== 'x509') continue;
    test(`x509 ${vector.name}`, async () => {
      const verdict = await openssl.judge(toX509Case(vector, read, index.now));
      checkOracle(vector, 'openssl', vector.openssl, verdict);
    });
  }
});

suite('vectors, openssl -x509_strict', { skip: skipOpenssl }, () => {
  const openssl = new Openssl({ isStrict: true });
  for (const vector of index.vectors) {
    if (vector.kind !== 'x509' || vector.ours !== 'accepted') continue;
    test(`x509 ${vector.name}`, async () => {
      const verdict = await openssl.judge(toX509Case(vector, read, index.now));
      checkOracle(vector, 'openssl-strict', vector.opensslStrict, verdict);
    });
  }
});

suite('vectors, jose', () => {
  for (const vector of index.vectors) {
    if (vector.kind !== 'jwt') continue;
    test(`jwt ${vector.name}`, async () => {
      const verdict = await judgeByJose(toJwtCase(vector, read, index.now));
      checkOracle(vector, 'jose', vector.jose, verdict);
    });
  }
});

suite('disagreements', { skip: skip !== false ? skip : skipOpenssl }, () => {
  test('each that is listed and not of random inputs only is shown by a vector', () => {
    const stale = disagreements
      .filter(({ isOfRandomInputs }) => isOfRandomInputs !== true)
      .flatMap((row) =>
        row.oracles
          .filter((oracle) => shown.get(row)?.has(oracle) !== true)
          .map((oracle) => [oracle, row.ours, row.theirs]),
      );
    assert.deepEqual(stale, []);
  });
});

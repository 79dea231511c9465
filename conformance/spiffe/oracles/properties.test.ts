// Random inputs before us and the oracles. What we accept every oracle must accept, and what only an oracle accepts must be
// a class of disagreements.json: there stands the section that decides.
import assert from 'node:assert/strict';
import { after, suite, test } from 'node:test';
import * as fc from 'fast-check';
import { compare, type Oracle } from './disagreements.ts';
import { findGoSpiffe, GoSpiffe } from './go-spiffe.ts';
import { judgeByJose } from './jose.ts';
import { type Case, judge, type Verdict } from './judge.ts';
import { findOpenssl, Openssl } from './openssl.ts';
import { randomChain, randomSvid } from './random-chains.ts';
import { randomBundle, randomId } from './random-documents.ts';
import { randomToken } from './random-tokens.ts';
import { runs } from './runs.ts';

const { path, skip } = await findGoSpiffe();
const skipOpenssl = findOpenssl();
const goSpiffe = skip === false ? new GoSpiffe(path) : undefined;
const openssl = skipOpenssl === false ? new Openssl() : undefined;
after(() => goSpiffe?.[Symbol.asyncDispose]());

type Ask = readonly [Oracle, (() => Promise<Verdict>) | undefined];

/** How often both sides accepted: a property that never accepts shows nothing. */
const accepted = new Map<string, number>();

async function check(asked: Case, ...oracles: readonly Ask[]): Promise<void> {
  const ours = judge(asked);
  if (ours.isAccepted) accepted.set(asked.kind, (accepted.get(asked.kind) ?? 0) + 1);
  for (const [oracle, ask] of oracles) {
    if (ask === undefined) continue;
    const difference = compare(asked.kind, oracle, ours, await ask());
    assert.ok(
      difference === undefined || (difference.row !== undefined && difference.row.isOfVectorsOnly !== true),
      `not in disagreements.json: ${difference?.words ?? ''}`,
    );
  }
}

const byGoSpiffe = (asked: Case): Ask => [
  'go-spiffe',
  goSpiffe && ((): Promise<Verdict> => goSpiffe.judge(asked)),
];

suite('random inputs', () => {
  test('chains: go-spiffe and openssl', { skip: skip === false ? skipOpenssl : skip }, async () => {
    const property = fc.asyncProperty(randomChain, (asked) =>
      check(asked, byGoSpiffe(asked), ['openssl', openssl && ((): Promise<Verdict> => openssl.judge(asked))]),
    );
    await fc.assert(property, runs(400));
    assert.ok((accepted.get('x509') ?? 0) > 5, 'enough of them are good');
  });

  test('SVIDs of our own: go-spiffe', { skip }, async () => {
    await fc.assert(
      fc.asyncProperty(randomSvid, (asked) => check(asked, byGoSpiffe(asked))),
      runs(400),
    );
    assert.ok((accepted.get('svid') ?? 0) > 5, 'enough of them are good');
  });

  test('tokens: jose and go-spiffe', { skip }, async () => {
    const property = fc.asyncProperty(randomToken, (asked) =>
      check(asked, byGoSpiffe(asked), ['jose', (): Promise<Verdict> => judgeByJose(asked)]),
    );
    await fc.assert(property, runs(1500));
    assert.ok((accepted.get('jwt') ?? 0) > 5, 'enough of them are good');
  });

  test('bundle documents: go-spiffe', { skip }, async () => {
    await fc.assert(
      fc.asyncProperty(randomBundle, (asked) => check(asked, byGoSpiffe(asked))),
      runs(2000),
    );
    assert.ok((accepted.get('bundle') ?? 0) > 5, 'enough of them are good');
  });

  test('SPIFFE IDs: go-spiffe', { skip }, async () => {
    await fc.assert(
      fc.asyncProperty(randomId, (asked) => check(asked, byGoSpiffe(asked))),
      runs(5000),
    );
    assert.ok((accepted.get('id') ?? 0) > 5, 'enough of them are good');
  });
});

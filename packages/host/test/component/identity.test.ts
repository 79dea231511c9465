import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { test } from 'node:test';
import type { AuditEntry } from '@muster/lattice';
import { SpiffeId } from '@muster/spiffe';
import type { JwtSvid } from '@muster/spiffe';
import { createComponentIdentity } from '../../src/component/identity.ts';
import type { ComponentIdentity } from '../../src/component/identity.ts';
import { manualClock } from '../support/clock.ts';
import type { ManualClock } from '../support/clock.ts';

const OWN = 'spiffe://muster.internal/lattice/golden/app/shop/component/web';
const signal = (): AbortSignal => new AbortController().signal;

interface Rig {
  identity: ComponentIdentity;
  clock: ManualClock;
  asked: string[];
  audits: AuditEntry[];
  answer: { ids: string[]; error?: Error; wait?: Promise<void> };
}

function rig(): Rig {
  const clock = manualClock();
  const asked: string[] = [];
  const audits: AuditEntry[] = [];
  const answer: Rig['answer'] = { ids: [OWN] };
  let serial = 0;
  const identity = createComponentIdentity({
    delegate: {
      async fetchJwtSvids({ audience }) {
        asked.push(audience.join(','));
        await answer.wait;
        if (answer.error !== undefined) {
          throw answer.error;
        }
        serial += 1;
        return answer.ids.map((id): JwtSvid => ({
          id: SpiffeId.parse(id),
          audience,
          expiresAt: clock.now() + 300_000,
          claims: {},
          token: `token-${serial}-${id}`,
        }));
      },
    },
    selectors: [],
    preferredId: OWN,
    audit: (entry) => audits.push(entry),
    details: { componentId: 'web' },
    clock,
  });
  return { identity, clock, asked, audits, answer };
}

const error = (code: string): Error => Object.assign(new Error('x'), { code });

test('one JWT-SVID per audience is kept until half of its life is over', async () => {
  const { identity, clock, asked } = rig();
  const first = await identity.getJwt('a', signal());
  assert.deepEqual(await identity.getJwt('a', signal()), first);
  await identity.getJwt('b', signal());
  await clock.advance(149_999);
  assert.deepEqual(await identity.getJwt('a', signal()), first);
  await clock.advance(1);
  assert.notDeepEqual(await identity.getJwt('a', signal()), first);
  assert.deepEqual(asked, ['a', 'b', 'a']);
});

test('calls at the same time share one answer, and one that is cancelled does not disturb the others', async () => {
  const { identity, asked, answer } = rig();
  const gate = Promise.withResolvers<void>();
  answer.wait = gate.promise;
  const cancelled = new AbortController();
  const [one, two] = [identity.getJwt('a', cancelled.signal), identity.getJwt('a', signal())];
  cancelled.abort();
  await assert.rejects(one, { code: 'ERR_IDENTITY_UNAVAILABLE' });
  gate.resolve();
  assert.ok((await two)?.token);
  assert.deepEqual(asked, ['a']);
});

test('no matching entry is no identity, and a held JWT-SVID is dropped with it', async () => {
  const { identity, clock, answer } = rig();
  assert.ok(await identity.getJwt('a', signal()));
  answer.error = error('ERR_NO_IDENTITY');
  await clock.advance(150_000);
  assert.equal(await identity.getJwt('a', signal()), undefined);
  answer.error = error('ERR_ENDPOINT_UNAVAILABLE');
  await assert.rejects(identity.getJwt('a', signal()), { code: 'ERR_IDENTITY_UNAVAILABLE' });
});

test('while the authority is down a JWT-SVID is used to its end and not beyond', async () => {
  const { identity, clock, answer } = rig();
  const held = await identity.getJwt('a', signal());
  answer.error = error('ERR_TIMEOUT');
  await clock.advance(299_999);
  assert.deepEqual(await identity.getJwt('a', signal()), held);
  await clock.advance(1);
  await assert.rejects(identity.getJwt('a', signal()), { code: 'ERR_IDENTITY_UNAVAILABLE' });
});

test('of several entries the one by the scheme of the house is taken, else the first', async () => {
  const { identity, answer } = rig();
  answer.ids = ['spiffe://muster.internal/other', OWN];
  assert.equal((await identity.getJwt('a', signal()))?.token, `token-1-${OWN}`);
  answer.ids = ['spiffe://muster.internal/other', 'spiffe://muster.internal/third'];
  assert.equal((await identity.getJwt('b', signal()))?.token, 'token-2-spiffe://muster.internal/other');
});

test('each answer of the authority has one audit record, without the JWT-SVID; kept ones have none', async () => {
  const { identity, audits, answer } = rig();
  await identity.getJwt('a', signal());
  await identity.getJwt('a', signal());
  answer.error = error('ERR_NO_IDENTITY');
  await identity.getJwt('b', signal());
  assert.deepEqual(
    audits.map(({ decision, spiffeId, details }) => [decision, spiffeId, details]),
    [
      ['allow', OWN, { componentId: 'web', audience: 'a' }],
      ['deny', null, { componentId: 'web', audience: 'b' }],
    ],
  );
  assert.doesNotMatch(inspect(audits, { depth: 9 }), /token-/);
});

test('without an audit record there is no JWT-SVID', async () => {
  const { answer } = rig();
  const broken = createComponentIdentity({
    delegate: {
      fetchJwtSvids: async () => [{ ...answer, id: SpiffeId.parse(OWN), token: 't' } as unknown as JwtSvid],
    },
    selectors: [],
    preferredId: OWN,
    audit: () => {
      throw error('ERR_AUDIT_WRITE');
    },
    details: {},
    clock: manualClock(),
  });
  await assert.rejects(broken.getJwt('a', signal()), { code: 'ERR_AUDIT_WRITE' });
});

test('after the component has ended there is none, not even one that was on its way', async () => {
  const { identity, answer } = rig();
  await identity.getJwt('a', signal());
  const gate = Promise.withResolvers<void>();
  answer.wait = gate.promise;
  const late = identity.getJwt('b', signal());
  identity.close();
  gate.resolve();
  assert.equal(await late, undefined);
  assert.equal(await identity.getJwt('a', signal()), undefined);
});

test('asking whether one is issued uses an audience that nobody accepts', async () => {
  const { identity, asked, answer } = rig();
  assert.equal(await identity.isIssued(), true);
  assert.deepEqual(asked, [OWN]);
  answer.error = error('ERR_ENDPOINT_UNAVAILABLE');
  await assert.rejects(identity.isIssued(), { code: 'ERR_IDENTITY_UNAVAILABLE' });
});

test('odd audiences are never asked for, and many do not fill memory', async () => {
  const { identity, clock, asked } = rig();
  assert.equal(await identity.getJwt('', signal()), undefined);
  assert.equal(await identity.getJwt('x'.repeat(2_049), signal()), undefined);
  assert.deepEqual(asked, []);
  for (let at = 0; at < 100; at += 1) {
    await identity.getJwt(`a${at}`, signal());
    await clock.advance(125);
  }
  await identity.getJwt('a99', signal());
  assert.equal(asked.length, 100);
  await identity.getJwt('a0', signal());
  assert.equal(asked.length, 101);
});

test('a component that asks and asks leaves the authority to its host and the others, and is audited once', async () => {
  const { identity, clock, asked, audits } = rig();
  let refused = 0;
  for (let index = 0; index < 500; index += 1) {
    await identity.getJwt(`audience-${index}`, signal()).catch((reason: unknown) => {
      assert.equal((reason as { code?: unknown }).code, 'ERR_IDENTITY_UNAVAILABLE');
      refused += 1;
    });
  }
  assert.equal(asked.length, 64);
  assert.equal(refused, 436);
  assert.equal(audits.filter(({ decision }) => decision === 'deny').length, 1);
  assert.ok(await identity.getJwt('audience-63', signal()), 'what it holds it can use');
  await clock.advance(1_000);
  for (let index = 500; index < 600; index += 1) {
    await identity.getJwt(`audience-${index}`, signal()).catch(() => {});
  }
  assert.equal(asked.length, 72);
  assert.equal(audits.filter(({ decision }) => decision === 'deny').length, 1);
});

test('a held JWT-SVID serves while a component asks too much, until it expires', async () => {
  const { identity, clock } = rig();
  const first = await identity.getJwt('a', signal());
  await clock.advance(150_000);
  for (let index = 0; index < 100; index += 1) {
    await identity.getJwt(`audience-${index}`, signal()).catch(() => {});
  }
  // Too many others pushed it out: then there is none, rather than one more call.
  await assert.rejects(identity.getJwt('a', signal()), { code: 'ERR_IDENTITY_UNAVAILABLE' });
  await clock.advance(1_000);
  assert.notDeepEqual(await identity.getJwt('a', signal()), first);
});

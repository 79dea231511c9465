import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { silentLogger } from '@muster/lattice';
import { parseSpiffeBundle, SpiffeId, TrustDomain, verifyJwtSvid, verifyX509Svid } from '@muster/spiffe';
import { CertificateAuthority } from '../../src/ca/certificate-authority.ts';
import { TestClock } from '../support/test-clock.ts';

const TD = TrustDomain.parse('muster.internal');
const ID = SpiffeId.fromPath(TD, '/one');

function create(caTtlMs = 60_000): { ca: CertificateAuthority; clock: TestClock } {
  const clock = new TestClock();
  return { ca: new CertificateAuthority({ trustDomain: TD, caTtlMs, logger: silentLogger, clock }), clock };
}

describe('CertificateAuthority', () => {
  it('refuses to issue what nobody may have', () => {
    const { ca, clock } = create();
    const at = clock.now() + 10_000;
    const refused = { code: 'ERR_ISSUE_REFUSED' };
    const foreign = SpiffeId.parse('spiffe://other.example/one');
    const long = SpiffeId.fromPath(TD, `/${'a'.repeat(255)}`);
    for (const id of [SpiffeId.parse(TD.id), foreign, long]) {
      assert.throws(() => ca.issueX509Svid(id, [], at), refused);
      assert.throws(() => ca.issueJwtSvid(id, ['a'], at), refused);
    }
    assert.throws(() => ca.issueJwtSvid(ID, [], at), refused);
  });

  it('rotates by its own timer, and what was issued before still verifies', () => {
    const { ca, clock } = create();
    ca.start();
    let changes = 0;
    const end = ca.onChange(() => {
      changes += 1;
    });
    for (let step = 0; step < 60; step++) {
      const svid = ca.issueX509Svid(ID, [], clock.now() + 10_000);
      const jwt = ca.issueJwtSvid(ID, ['a'], clock.now() + 10_000);
      clock.advance(8000);
      const bundle = parseSpiffeBundle(TD, ca.bundle());
      verifyX509Svid([svid.certificate], bundle, { now: Math.min(clock.now(), svid.expiresAt - 1) });
      verifyJwtSvid(jwt.token, {
        bundles: bundle,
        audience: 'a',
        now: Math.min(clock.now(), jwt.expiresAt - 1),
      });
      assert.ok(bundle.x509Bundle.authorities.length <= 4);
    }
    assert.ok(changes >= 16, 'each rotation publishes and withdraws');
    end();
    ca.stop();
    assert.equal(clock.pendingTimers, 0);
  });

  it('lets the sequence of the bundle grow with each change and over restarts', () => {
    const { ca, clock } = create();
    const first = parseSpiffeBundle(TD, ca.bundle()).sequence ?? 0n;
    clock.advance(30_000);
    ca.check();
    const second = parseSpiffeBundle(TD, ca.bundle()).sequence ?? 0n;
    assert.equal(second, first + 1n);
    const restarted = new CertificateAuthority({
      trustDomain: TD,
      caTtlMs: 60_000,
      logger: silentLogger,
      clock,
    });
    assert.ok((parseSpiffeBundle(TD, restarted.bundle()).sequence ?? 0n) > second);
  });

  it('publishes a document that others can read, and answers for its own trust domain only', () => {
    const { ca } = create();
    const bundle = parseSpiffeBundle(TD, ca.bundle());
    assert.equal(bundle.x509Bundle.authorities.length, 1);
    assert.equal(bundle.refreshHintMs, 6000);
    assert.equal(ca.getJwtBundle(TrustDomain.parse('other.example')), undefined);
    assert.ok(ca.getJwtBundle(TD));
  });

  it('never signs with a dead key after the machine slept', () => {
    const { ca, clock } = create();
    clock.jump(86_400_000);
    const svid = ca.issueX509Svid(ID, [], clock.now() + 10_000);
    verifyX509Svid([svid.certificate], parseSpiffeBundle(TD, ca.bundle()), { now: clock.now() });
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { silentLogger } from '@muster/lattice';
import { TrustDomain } from '@muster/spiffe';
import { CertificateAuthority } from '../../src/ca/certificate-authority.ts';
import { expiryOf, HeldSvids } from '../../src/endpoints/held-svids.ts';
import { EntryStore } from '../../src/entries/entry-store.ts';
import type { StoredEntry } from '../../src/entries/registration-entry.ts';
import { entry, TRUST_DOMAIN } from '../support/authority.ts';
import { TestClock } from '../support/test-clock.ts';

const TD = TrustDomain.parse(TRUST_DOMAIN);

describe('HeldSvids', () => {
  function setUp(): {
    clock: TestClock;
    store: EntryStore;
    held: HeldSvids;
    issued: string[];
    refuse: { next: boolean };
  } {
    const clock = new TestClock();
    const ca = new CertificateAuthority({ trustDomain: TD, caTtlMs: 3_600_000, logger: silentLogger, clock });
    const issued: string[] = [];
    const refuse = { next: false };
    const held = new HeldSvids({
      ca,
      now: () => clock.now(),
      defaultTtlMs: 10_000,
      random: () => 0.5,
      onIssue: (svid) => {
        if (refuse.next) throw new Error('not recorded');
        issued.push(svid.spiffeId);
      },
    });
    return { clock, store: new EntryStore(TD, () => clock.now()), held, issued, refuse };
  }

  it('issues once, and anew at half of the life', () => {
    const { clock, store, held, issued } = setUp();
    store.create(entry('/one', { id: 'one' }));
    assert.equal(held.update(store.list()), true);
    assert.equal(held.dueAt, clock.now() + 5000);
    const [first] = held.all;
    clock.advance(4999);
    assert.equal(held.update(store.list()), false);
    clock.advance(1);
    assert.equal(held.update(store.list()), true);
    assert.equal(issued.length, 2);
    assert.notEqual(held.all[0]?.svid.serial, first?.svid.serial);
    assert.ok(
      first?.svid.privateKey.every((byte) => byte === 0),
      'the old key is overwritten',
    );
  });

  it('issues anew for a changed entry only', () => {
    const { store, held, issued } = setUp();
    store.create(entry('/one', { id: 'one' }));
    store.create(entry('/two', { id: 'two' }));
    held.update(store.list());
    store.update(entry('/two', { id: 'two', dns_names: ['two.example'] }));
    assert.equal(held.update(store.list()), true);
    assert.deepEqual(issued.map((id) => id.slice(-3)).sort(), ['one', 'two', 'two']);
    store.delete('one');
    assert.equal(held.update(store.list()), true);
    assert.equal(held.all.length, 1);
    assert.equal(held.update([]), true);
    assert.equal(held.update([]), false);
  });

  it('issues anew when the clock was set back to before the SVID begins', () => {
    const { clock, store, held, issued } = setUp();
    store.create(entry('/one'));
    held.update(store.list());
    clock.jump(-9000);
    assert.equal(held.update(store.list()), false, 'within the cushion');
    clock.jump(-3_600_000);
    assert.equal(held.update(store.list()), true);
    assert.equal(issued.length, 2);
    assert.ok((held.all[0]?.svid.notBeforeAt ?? Infinity) <= clock.now());
  });

  it('keeps back what is not recorded', () => {
    const { store, held, refuse } = setUp();
    store.create(entry('/one'));
    refuse.next = true;
    assert.throws(() => held.update(store.list()), /not recorded/);
    assert.deepEqual(held.all, []);
  });

  it('is due when an entry expires', () => {
    const { clock, store, held } = setUp();
    const expires_at = Math.floor(clock.now() / 1000) + 2;
    store.create(entry('/one', { expires_at, x509_svid_ttl: 3600 }));
    held.update(store.list());
    assert.equal(held.dueAt, clock.now() + 1000, 'half of what is left');
    assert.equal(held.all[0]?.svid.expiresAt, expires_at * 1000);
  });

  it('overwrites every key in the end', () => {
    const { store, held } = setUp();
    store.create(entry('/one'));
    held.update(store.list());
    const keys = held.all.map(({ svid }) => svid.privateKey);
    held.wipe();
    assert.ok(keys.every((key) => key.every((byte) => byte === 0)));
    assert.equal(held.dueAt, undefined);
  });

  it('takes the life of the entry, else the default, never past the entry', () => {
    const at = (ttl: number, expires_at: number): number =>
      expiryOf({ expires_at } as StoredEntry, 1000, ttl, 10_000);
    assert.equal(at(0, 0), 11_000);
    assert.equal(at(3, 0), 4000);
    assert.equal(at(3, 2), 2000);
    assert.equal(at(0, 60), 11_000);
  });
});

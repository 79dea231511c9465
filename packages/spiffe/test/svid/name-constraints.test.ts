import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createTestCa, distinguishedName, extension, nameConstraintsExtension } from '@muster/testing';
import type { LeafOverrides } from '@muster/testing';

import { verifyX509Svid } from '../../src/index.ts';
import { der, OID } from '../../src/wire/index.ts';

const NOW = Date.UTC(2030, 5, 1);
const ID = 'spiffe://example.org/workload';
const ca = createTestCa('example.org', NOW);
const EMAIL = 1;
const DNS = 2;
const URI = 6;
const IP_ADDRESS = 7;

interface Subtrees {
  readonly permitted?: readonly Uint8Array[];
  readonly excluded?: readonly Uint8Array[];
}

function text(kind: number, value: string): Uint8Array {
  return der.implicit(kind, Buffer.from(value, 'latin1'));
}

function directory(commonName: string): Uint8Array {
  return der.explicit(4, distinguishedName({ commonName }));
}

function constrain({ permitted = [], excluded = [] }: Subtrees): Uint8Array {
  const list = (tag: number, names: readonly Uint8Array[]): Uint8Array[] =>
    names.length === 0 ? [] : [der.explicit(tag, Buffer.concat(names.map((name) => der.sequence(name))))];
  return extension(OID.NAME_CONSTRAINTS, der.sequence(...list(0, permitted), ...list(1, excluded)), true);
}

function verify(extra: Uint8Array, overrides: LeafOverrides = {}, id: string = ID): void {
  const authority = createTestCa(id.split('/')[2], NOW);
  const issuer = authority.createIntermediate({ extraExtensions: [extra] });
  verifyX509Svid(issuer.issueX509Svid(id, overrides).certificates, authority.bundle, { now: NOW });
}

/** The names beside the ID, as an extension of their own cannot be: they are put into the same one. */
function withNames(...names: readonly Uint8Array[]): LeafOverrides {
  const all = der.sequence(...names, text(URI, ID));
  return { uris: [], extraExtensions: [extension(OID.SUBJECT_ALT_NAME, all, true)] };
}

const DNS_NAMES: [string, Subtrees, string, string | undefined][] = [
  ['the name itself', { permitted: [text(DNS, 'svc.example')] }, 'svc.example', undefined],
  ['a name below', { permitted: [text(DNS, 'svc.example')] }, 'a.b.svc.example', undefined],
  ['in another case', { permitted: [text(DNS, 'SVC.example')] }, 'a.svc.EXAMPLE', undefined],
  ['one of two', { permitted: [text(DNS, 'x'), text(DNS, 'svc.example')] }, 'svc.example', undefined],
  ['everything by the empty name', { permitted: [text(DNS, '')] }, 'a.example', undefined],
  ['a wildcard below', { permitted: [text(DNS, 'svc.example')] }, '*.svc.example', undefined],
  ['another name', { permitted: [text(DNS, 'svc.example')] }, 'example', 'NOT_PERMITTED'],
  ['a name that ends alike', { permitted: [text(DNS, 'svc.example')] }, 'evilsvc.example', 'NOT_PERMITTED'],
  [
    'a leading dot, the name itself',
    { permitted: [text(DNS, '.svc.example')] },
    'svc.example',
    'NOT_PERMITTED',
  ],
  ['a leading dot, a name below', { permitted: [text(DNS, '.svc.example')] }, 'a.svc.example', undefined],
  ['excluded', { excluded: [text(DNS, 'svc.example')] }, 'svc.example', 'EXCLUDED'],
  ['excluded from above', { excluded: [text(DNS, 'example')] }, 'a.svc.example', 'EXCLUDED'],
  ['excluded with a leading dot', { excluded: [text(DNS, '.svc.example')] }, 'svc.example', 'EXCLUDED'],
  ['excluded by the empty name', { excluded: [text(DNS, '')] }, 'a.example', 'EXCLUDED'],
  ['not excluded', { excluded: [text(DNS, 'svc.example')] }, 'vc.example', undefined],
  ['a wildcard over an excluded name', { excluded: [text(DNS, 'a.example')] }, '*.example', 'EXCLUDED'],
  ['a wildcard beside an excluded name', { excluded: [text(DNS, 'a.other')] }, '*.example', undefined],
  [
    'permitted and excluded',
    { permitted: [text(DNS, 'x')], excluded: [text(DNS, 'a.x')] },
    'a.x',
    'EXCLUDED',
  ],
  ['a trailing dot', { excluded: [text(DNS, 'svc.example')] }, 'svc.example.', 'CONSTRAINT_UNKNOWN'],
  ['an empty label', { excluded: [text(DNS, 'svc.example')] }, 'a..svc.example', 'CONSTRAINT_UNKNOWN'],
  [
    'a NUL in the name',
    { permitted: [text(DNS, 'svc.example')] },
    'evil\0.svc.example',
    'CONSTRAINT_UNKNOWN',
  ],
  ['a space in the name', { excluded: [text(DNS, 'x')] }, 'svc.example ', 'CONSTRAINT_UNKNOWN'],
];
for (const [name, subtrees, dnsName, fault] of DNS_NAMES) {
  test(`A29 DNS name constraints: ${name}`, () => {
    const run = (): void => {
      verify(constrain(subtrees), { dnsNames: [dnsName] });
    };
    if (fault === undefined) {
      run();
    } else {
      assert.throws(run, { code: `ERR_CA_NAME_${fault}` });
    }
  });
}

const SPIFFE_IDS: [string, Subtrees, string, string | undefined][] = [
  ['the host', { permitted: [text(URI, 'example.org')] }, ID, undefined],
  ['the host in another case', { permitted: [text(URI, 'EXAMPLE.org')] }, ID, undefined],
  ['a host below a leading dot', { permitted: [text(URI, '.org')] }, ID, undefined],
  ['a host below, without a leading dot', { permitted: [text(URI, 'org')] }, ID, 'NOT_PERMITTED'],
  ['a whole URI as constraint', { permitted: [text(URI, 'spiffe://example.org')] }, ID, 'NOT_PERMITTED'],
  ['the empty host', { permitted: [text(URI, '')] }, ID, 'NOT_PERMITTED'],
  ['excluded', { excluded: [text(URI, 'example.org')] }, ID, 'EXCLUDED'],
  ['excluded from above', { excluded: [text(URI, '.org')] }, ID, 'EXCLUDED'],
  ['excluded by the empty host', { excluded: [text(URI, '')] }, ID, 'EXCLUDED'],
  ['not excluded', { excluded: [text(URI, 'xample.org'), text(URI, '.example.org')] }, ID, undefined],
  [
    'a trust domain that is an IP address',
    { permitted: [text(URI, '1.2.3.4')] },
    'spiffe://1.2.3.4/a',
    'CONSTRAINT_UNKNOWN',
  ],
  [
    'an IP address, only excluding',
    { excluded: [text(URI, 'x')] },
    'spiffe://1.2.3.4/a',
    'CONSTRAINT_UNKNOWN',
  ],
  [
    'a trust domain with an underscore',
    { permitted: [text(URI, 'a_b.org')] },
    'spiffe://a_b.org/x',
    undefined,
  ],
];
for (const [name, subtrees, id, fault] of SPIFFE_IDS) {
  test(`A29 URI name constraints: ${name}`, () => {
    const run = (): void => {
      verify(constrain(subtrees), {}, id);
    };
    const code = `ERR_CA_NAME_${fault}`;
    if (fault === undefined) {
      run();
    } else {
      assert.throws(run, { code });
    }
  });
}

test('A29 an anchor constrains as well, and one that is not critical too', () => {
  const constraint = nameConstraintsExtension({ permittedUris: ['other.org'] });
  const notCritical = extension(
    OID.NAME_CONSTRAINTS,
    der.sequence(der.explicit(0, der.sequence(text(URI, 'x')))),
  );
  for (const extra of [constraint, notCritical]) {
    const anchor = createTestCa('example.org', NOW, { extraExtensions: [extra] });
    for (const issuer of [anchor, anchor.createIntermediate().createIntermediate()]) {
      assert.throws(
        () => verifyX509Svid(issuer.issueX509Svid(ID).certificates, anchor.bundle, { now: NOW }),
        {
          code: 'ERR_CA_NAME_NOT_PERMITTED',
        },
      );
    }
  }
});

test('A29 every constraint of a path counts, not the nearest alone', () => {
  const wide = constrain({ permitted: [text(URI, 'example.org')] });
  const narrow = constrain({ excluded: [text(URI, 'example.org')] });
  for (const [upper, lower] of [
    [wide, narrow],
    [narrow, wide],
  ] as const) {
    const issuer = ca
      .createIntermediate({ extraExtensions: [upper] })
      .createIntermediate({ extraExtensions: [lower] });
    assert.throws(() => verifyX509Svid(issuer.issueX509Svid(ID).certificates, ca.bundle, { now: NOW }), {
      code: 'ERR_CA_NAME_EXCLUDED',
    });
  }
});

test('A29 the names of an intermediate are checked, unless it is self-issued', () => {
  // The intermediate below carries the ID of the trust domain, which is not among those permitted.
  const constraint = constrain({ permitted: [text(DNS, 'example')], excluded: [directory('forbidden')] });
  const above = ca.createIntermediate({ extraExtensions: [constraint] });
  const below = above.createIntermediate();
  assert.throws(() => verifyX509Svid(below.issueX509Svid(ID).certificates, ca.bundle, { now: NOW }), {
    code: 'ERR_CA_NAME_CONSTRAINT_UNKNOWN',
  });
  const subject = distinguishedName({ commonName: 'the same' });
  const named = ca.createIntermediate({ subject, extraExtensions: [constraint] });
  const selfIssued = named.createIntermediate({ subject });
  verifyX509Svid(selfIssued.issueX509Svid(ID).certificates, ca.bundle, { now: NOW });
});

test('directory names: permitted are judged by their bytes, excluded ones refuse every subject', () => {
  const subject = der.sequence(
    der.set(der.sequence(der.oid(OID.COMMON_NAME), der.utf8String('x'))),
    der.set(der.sequence(der.oid(OID.SERIAL_NUMBER), der.utf8String('1'))),
  );
  const permitted = constrain({ permitted: [directory('x')] });
  verify(permitted, { subject });
  verify(permitted);
  for (const commonName of ['X', 'y', 'xx']) {
    assert.throws(() => verify(permitted, { subject: distinguishedName({ commonName }) }), {
      code: 'ERR_CA_NAME_NOT_PERMITTED',
    });
  }
  assert.throws(() => verify(constrain({ excluded: [directory('y')] }), { subject }), {
    code: 'ERR_CA_NAME_CONSTRAINT_UNKNOWN',
  });
  verify(constrain({ excluded: [directory('y')] }));
});

test('kinds of names that are not judged refuse certificates that have such names, and no other', () => {
  const address = der.implicit(IP_ADDRESS, Buffer.from([10, 0, 0, 1]));
  const network = der.implicit(IP_ADDRESS, Buffer.from([10, 0, 0, 0, 255, 0, 0, 0]));
  const mail = text(EMAIL, 'a@example.org');
  for (const [base, name] of [
    [network, address],
    [text(EMAIL, 'example.org'), mail],
  ] as const) {
    for (const subtrees of [{ permitted: [base] }, { excluded: [base] }]) {
      verify(constrain(subtrees));
      assert.throws(() => verify(constrain(subtrees), withNames(name)), {
        code: 'ERR_CA_NAME_CONSTRAINT_UNKNOWN',
      });
    }
    verify(constrain({ permitted: [text(URI, 'example.org')] }), withNames(name));
  }
});

test('an e-mail address in the subject is one too', () => {
  const attribute = der.sequence(
    der.oid('1.2.840.113549.1.9.1'),
    der.element(0x16, Buffer.from('a@x.example')),
  );
  const subject = der.sequence(der.set(attribute));
  assert.throws(() => verify(constrain({ permitted: [text(EMAIL, 'example.org')] }), { subject }), {
    code: 'ERR_CA_NAME_CONSTRAINT_UNKNOWN',
  });
  verify(constrain({ permitted: [text(DNS, 'example.org')] }), { subject });
});

const malformed: [string, Uint8Array][] = [
  ['no list at all', der.sequence()],
  [
    'an empty list of permitted names, which would permit everything',
    der.sequence(der.explicit(0, Buffer.alloc(0))),
  ],
  ['an empty list of excluded names', der.sequence(der.explicit(1, Buffer.alloc(0)))],
  [
    'the lists in the wrong order',
    der.sequence(
      der.explicit(1, der.sequence(text(URI, 'x'))),
      der.explicit(0, der.sequence(text(URI, 'y'))),
    ),
  ],
  [
    'the same list twice',
    der.sequence(
      der.explicit(0, der.sequence(text(URI, 'x'))),
      der.explicit(0, der.sequence(text(URI, 'y'))),
    ),
  ],
  ['another list', der.sequence(der.explicit(2, der.sequence(text(URI, 'x'))))],
  [
    'a minimum',
    der.sequence(der.explicit(0, der.sequence(text(URI, 'example.org'), der.implicit(0, Buffer.from([1]))))),
  ],
  ['a subtree without a name', der.sequence(der.explicit(0, der.sequence()))],
  [
    '257 subtrees',
    der.sequence(
      der.explicit(0, Buffer.concat(Array.from({ length: 257 }, () => der.sequence(text(URI, 'x'))))),
    ),
  ],
];
for (const [name, value] of malformed) {
  test(`refuses name constraints with ${name}`, () => {
    assert.throws(() => verify(extension(OID.NAME_CONSTRAINTS, value, true)), {
      code: 'ERR_CERTIFICATE_MALFORMED',
    });
  });
}

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { DEFAULT_TRUST_DOMAIN } from '../../packages/cli/src/lattice/options.ts';
import { parseConfig } from '../../packages/authority/src/config.ts';
import { parseRegistrationEntry } from '../../packages/authority/src/entries/parse-entry.ts';
import { parseRuleDocument } from '../../packages/callout/src/rule-document.ts';
import { TrustDomain } from '@muster/spiffe';
import { CONFIGURATIONS, type DescribedDocument, DOCUMENTS } from '../configuration-page.ts';
import { fieldsOf, interfaceFields } from '../interface-fields.ts';

const source = `
/** Another. */
export interface Other {
  readonly other: string;
}

export interface Sample {
  /** A name. */
  readonly name: string;
  /**
   * What it may do:
   * a list.
   */
  readonly rules?: readonly string[] | undefined;
  /** Two in one; see \`x\`. */
  pair: { readonly a: number; readonly b?: string };
  /** By name. */
  readonly map: Readonly<Record<string, string>>;
  /** Called. */
  readonly write?: (fd: number) => void;
}
`;

suite('fields of an interface', () => {
  test('come with type, comment and whether they may be absent', () => {
    assert.deepEqual(
      fieldsOf(source, 'Sample').map(({ name, type, isOptional, comment }) => [
        name,
        type,
        isOptional,
        comment,
      ]),
      [
        ['name', 'string', false, 'A name.'],
        ['rules', 'string[]', true, 'What it may do: a list.'],
        ['pair', '{ a: number; b?: string }', false, 'Two in one; see `x`.'],
        ['map', 'Record<string, string>', false, 'By name.'],
        ['write', '(fd: number) => void', true, 'Called.'],
      ],
    );
  });

  test('a field without a comment, and an interface that is not there, are refused', () => {
    assert.throws(() => fieldsOf(source, 'Other'), /Other\.other has no comment/);
    assert.throws(() => fieldsOf(source, 'Missing'), /no interface Missing/);
  });

  test('are found for everything that the page describes', () => {
    for (const { path, interfaces } of [...DOCUMENTS, ...CONFIGURATIONS]) {
      for (const name of interfaces) assert.ok(interfaceFields(path, name).length > 0, name);
    }
  });
});

/** Whether a reader knows a key: what else is wrong with the value does not matter here. */
function isKnown(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch (error) {
    const text = String(error instanceof Error ? error.message : error);
    return !/is unknown|not a known key/.test(text);
  }
}

suite('the readers of documents know the fields that are described, and no others', () => {
  const trustDomain = TrustDomain.parse(DEFAULT_TRUST_DOMAIN);
  const document = (path: string): DescribedDocument => {
    const found = [...DOCUMENTS, ...CONFIGURATIONS].find((one) => one.path.endsWith(path));
    return found ?? assert.fail(path);
  };
  const readers: readonly (readonly [string, string, (key: string) => unknown])[] = [
    ['authority/src/config.ts', 'AuthorityConfig', (key) => parseConfig({ [key]: 1 } as never)],
    [
      'entries/registration-entry.ts',
      'RegistrationEntry',
      (key) => parseRegistrationEntry({ [key]: 1 }, trustDomain),
    ],
    ['rule-document.ts', 'RuleDocument', (key) => parseRuleDocument({ [key]: 1 })],
    ['rule-document.ts', 'Rule', (key) => parseRuleDocument({ version: 1, rules: [{ [key]: 1 }] })],
  ];
  for (const [path, name, read] of readers) {
    test(name, () => {
      for (const field of interfaceFields(document(path).path, name))
        assert.ok(
          isKnown(() => read(field.name)),
          field.name,
        );
      assert.ok(!isKnown(() => read('unheardOf')));
    });
  }
});

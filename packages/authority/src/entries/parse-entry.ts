import { SpiffeId, TrustDomain } from '@muster/spiffe';
import { AuthorityError } from '../errors.ts';
import type { AdditionalAttributes, RegistrationEntry, Selector } from './registration-entry.ts';
import { selectorKey } from './selector.ts';

/** Bounds of an entry; beyond them it is refused. Names count characters, times seconds. */
export const ENTRY_LIMITS = {
  selectors: 64,
  selectorType: 64,
  selectorValue: 2048,
  spiffeId: 255,
  hint: 1024,
  dnsNames: 64,
  federatesWith: 64,
  /** Seconds: seven days. */
  ttl: 604_800,
  /** 9999-12-31T23:59:59Z, the last instant a certificate can name. */
  instant: 253_402_300_799,
} as const;

// SPIRE has two spellings: that of its API (first) and that of the files its command line reads.
const ALIASES: Readonly<Record<string, string>> = {
  entry_id: 'id',
  entryExpiry: 'expires_at',
};

const KEYS: ReadonlySet<string> = new Set([
  'id',
  'spiffe_id',
  'parent_id',
  'selectors',
  'x509_svid_ttl',
  'jwt_svid_ttl',
  'federates_with',
  'admin',
  'downstream',
  'expires_at',
  'dns_names',
  'revision_number',
  'store_svid',
  'hint',
  'created_at',
  'additional_attributes',
]);

const ID = /^[A-Za-z0-9._-]{1,255}$/;
const DNS_NAME =
  /^(?=.{1,253}$)(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?)*$/;
// Selector text reaches logs and audit records; a control character there could forge a line.
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

/**
 * Reads one entry from parsed JSON and validates it for a trust domain; absent keys get their defaults.
 * Throws ERR_ENTRY_INVALID, also for an unknown key.
 */
export function parseRegistrationEntry(
  value: unknown,
  trustDomain: TrustDomain,
): Required<RegistrationEntry> {
  const fields = readFields(value);
  const spiffeId = readSpiffeId(fields.get('spiffe_id'), 'spiffe_id', trustDomain);
  if (spiffeId.path === '') refuse('spiffe_id', 'a path is missing');
  if (spiffeId.toString().length > ENTRY_LIMITS.spiffeId) {
    refuse('spiffe_id', `it is longer than ${ENTRY_LIMITS.spiffeId} characters`);
  }
  const id = fields.has('id') ? fields.get('id') : '';
  if (typeof id !== 'string' || (id !== '' && !ID.test(id))) {
    refuse('id', 'only letters, digits, ".", "_" and "-" are allowed, at most 255');
  }
  return {
    id,
    spiffe_id: spiffeId.toString(),
    parent_id: readSpiffeId(fields.get('parent_id'), 'parent_id', trustDomain).toString(),
    selectors: readSelectors(fields.get('selectors')),
    x509_svid_ttl: readInteger(fields, 'x509_svid_ttl', ENTRY_LIMITS.ttl),
    jwt_svid_ttl: readInteger(fields, 'jwt_svid_ttl', ENTRY_LIMITS.ttl),
    federates_with: readList(fields, 'federates_with', ENTRY_LIMITS.federatesWith, readTrustDomain),
    admin: readBoolean(fields.get('admin'), 'admin'),
    downstream: readBoolean(fields.get('downstream'), 'downstream'),
    expires_at: readInteger(fields, 'expires_at', ENTRY_LIMITS.instant),
    dns_names: readList(fields, 'dns_names', ENTRY_LIMITS.dnsNames, readDnsName),
    revision_number: readInteger(fields, 'revision_number', Number.MAX_SAFE_INTEGER),
    store_svid: readBoolean(fields.get('store_svid'), 'store_svid'),
    hint: readHint(fields.get('hint')),
    created_at: readInteger(fields, 'created_at', ENTRY_LIMITS.instant),
    additional_attributes: readAttributes(fields.get('additional_attributes')),
  };
}

function refuse(key: string, reason: string): never {
  throw new AuthorityError('ERR_ENTRY_INVALID', `Cannot accept entry: ${key}: ${reason}`);
}

function readFields(value: unknown): Map<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new AuthorityError('ERR_ENTRY_INVALID', 'Cannot accept entry: an object is wanted');
  }
  const fields = new Map<string, unknown>();
  for (const [written, field] of Object.entries(value)) {
    const key = Object.hasOwn(ALIASES, written) ? (ALIASES[written] as string) : written;
    if (!KEYS.has(key)) refuse(JSON.stringify(written), 'the key is unknown');
    if (fields.has(key)) refuse(JSON.stringify(written), 'the key is given under two names');
    if (field !== undefined) fields.set(key, field);
  }
  return fields;
}

function readSpiffeId(value: unknown, key: string, trustDomain: TrustDomain): SpiffeId {
  if (typeof value !== 'string') refuse(key, 'a string is wanted');
  let id: SpiffeId;
  try {
    id = SpiffeId.parse(value);
  } catch (error) {
    throw new AuthorityError('ERR_ENTRY_INVALID', `Cannot accept entry: ${key}: a SPIFFE ID is wanted`, {
      cause: error,
    });
  }
  if (!id.isMemberOf(trustDomain)) refuse(key, `it must be in the trust domain "${trustDomain.name}"`);
  return id;
}

function readSelectors(value: unknown): readonly Selector[] {
  if (!Array.isArray(value) || value.length === 0) refuse('selectors', 'at least one is wanted');
  if (value.length > ENTRY_LIMITS.selectors) refuse('selectors', `more than ${ENTRY_LIMITS.selectors}`);
  const seen = new Set<string>();
  return value.map((item: unknown) => {
    const selector = parseSelector(item);
    const key = selectorKey(selector);
    if (seen.has(key)) refuse('selectors', `${JSON.stringify(key)} is there twice`);
    seen.add(key);
    return selector;
  });
}

/** Reads one selector and checks its bounds. Throws ERR_ENTRY_INVALID. */
export function parseSelector(value: unknown): Selector {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    refuse('selectors', 'an object of type and value is wanted');
  }
  for (const key of Object.keys(value)) {
    if (key !== 'type' && key !== 'value') refuse('selectors', `the key ${JSON.stringify(key)} is unknown`);
  }
  const { type, value: text } = value as { type?: unknown; value?: unknown };
  if (
    typeof type !== 'string' ||
    type === '' ||
    type.length > ENTRY_LIMITS.selectorType ||
    type.includes(':')
  ) {
    refuse('selectors', `a type without ":" of 1 to ${ENTRY_LIMITS.selectorType} characters is wanted`);
  }
  if (typeof text !== 'string' || text === '' || text.length > ENTRY_LIMITS.selectorValue) {
    refuse('selectors', `a value of 1 to ${ENTRY_LIMITS.selectorValue} characters is wanted`);
  }
  if (CONTROL.test(type) || CONTROL.test(text)) refuse('selectors', 'control characters are not allowed');
  return { type, value: text };
}

function readInteger(fields: ReadonlyMap<string, unknown>, key: string, maximum: number): number {
  const value = fields.has(key) ? fields.get(key) : 0;
  // Protobuf's JSON writes 64-bit integers as strings.
  const number = typeof value === 'string' && /^(0|[1-9][0-9]{0,15})$/.test(value) ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < 0 || number > maximum) {
    refuse(key, `an integer from 0 to ${maximum} is wanted`);
  }
  return number;
}

function readBoolean(value: unknown, key: string): boolean {
  if (value === undefined) return false;
  if (typeof value !== 'boolean') refuse(key, 'true or false is wanted');
  return value;
}

function readHint(value: unknown): string {
  if (value === undefined) return '';
  if (typeof value !== 'string' || Buffer.byteLength(value) > ENTRY_LIMITS.hint || CONTROL.test(value)) {
    refuse('hint', `a string of at most ${ENTRY_LIMITS.hint} bytes without control characters is wanted`);
  }
  return value;
}

function readList(
  fields: ReadonlyMap<string, unknown>,
  key: string,
  maximum: number,
  read: (value: unknown, key: string) => string,
): readonly string[] {
  const value = fields.get(key);
  if (value === undefined) return [];
  if (!Array.isArray(value) || value.length > maximum) refuse(key, `a list of at most ${maximum} is wanted`);
  const list = value.map((item: unknown) => read(item, key));
  if (new Set(list).size !== list.length) refuse(key, 'a value is there twice');
  return list;
}

function readTrustDomain(value: unknown, key: string): string {
  try {
    if (typeof value === 'string') {
      return value.startsWith('spiffe://')
        ? SpiffeId.parse(value).trustDomain.name
        : TrustDomain.parse(value).name;
    }
  } catch {
    // Falls through to the refusal, which names the key.
  }
  return refuse(key, 'trust domains are wanted');
}

function readDnsName(value: unknown, key: string): string {
  if (typeof value !== 'string' || !DNS_NAME.test(value)) refuse(key, 'DNS names are wanted');
  return value;
}

function readAttributes(value: unknown): AdditionalAttributes {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    refuse('additional_attributes', 'an object is wanted');
  for (const [key, item] of Object.entries(value)) {
    if (key !== 'disable_x509_svid_prefetch' && key !== 'jwt_svid_include_jti') {
      refuse('additional_attributes', `the key ${JSON.stringify(key)} is unknown`);
    }
    readBoolean(item, `additional_attributes.${key}`);
  }
  return { ...value };
}

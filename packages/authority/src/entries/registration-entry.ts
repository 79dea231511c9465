/** One fact about a caller, as `type:value` in SPIRE's command line. */
export interface Selector {
  readonly type: string;
  readonly value: string;
}

/** SPIRE's rarely used switches of an entry. */
export interface AdditionalAttributes {
  readonly disable_x509_svid_prefetch?: boolean;
  readonly jwt_svid_include_jti?: boolean;
}

/**
 * Who gets which SPIFFE ID: SPIRE's JSON, key by key, so that one file serves both. Times to live are in seconds,
 * 0 or absent means the authority's default; `expires_at` and `created_at` are Unix seconds.
 */
export interface RegistrationEntry {
  readonly id?: string;
  readonly spiffe_id: string;
  readonly parent_id: string;
  readonly selectors: readonly Selector[];
  readonly x509_svid_ttl?: number;
  readonly jwt_svid_ttl?: number;
  readonly federates_with?: readonly string[];
  readonly admin?: boolean;
  readonly downstream?: boolean;
  readonly expires_at?: number;
  readonly dns_names?: readonly string[];
  readonly revision_number?: number;
  readonly store_svid?: boolean;
  readonly hint?: string;
  readonly created_at?: number;
  readonly additional_attributes?: AdditionalAttributes;
}

/** An entry as the store holds it: every key present, defaults filled in. */
export type StoredEntry = Readonly<Required<RegistrationEntry>>;

/** One fact about a caller, as `type:value` in SPIRE's command line. */
export interface Selector {
  /** `unix`, `muster` or `wasm`; up to 64 characters without `:`. */
  readonly type: string;
  /**
   * What must hold, up to 2 048 characters. `unix` and `muster` as in the package's README; `wasm` has
   * `component-digest:sha256:<hex>`, `component-id:<id>`, `app:<name>`, `lattice:<name>`, `host-id:<SPIFFE ID>`.
   */
  readonly value: string;
}

/** SPIRE's rarely used switches of an entry. */
export interface AdditionalAttributes {
  /** Read and kept; it changes nothing. */
  readonly disable_x509_svid_prefetch?: boolean;
  /** Read and kept; every JWT-SVID has a `jti`. */
  readonly jwt_svid_include_jti?: boolean;
}

/**
 * Who gets which SPIFFE ID: SPIRE's JSON, key by key, so that one file serves both. Times to live are in seconds,
 * 0 or absent means the authority's default; `expires_at` and `created_at` are Unix seconds.
 */
export interface RegistrationEntry {
  /** Name of the entry, `rule` in audit records; letters, digits, `.`, `_`, `-`. Default: a UUID. Also `entry_id`. */
  readonly id?: string;
  /** Who gets it: a SPIFFE ID with a path in the trust domain, up to 255 characters. */
  readonly spiffe_id: string;
  /** A SPIFFE ID in the trust domain. Kept and not looked at: there is one machine. */
  readonly parent_id: string;
  /** 1 to 64, all of which must hold. Only `wasm` ones, each kind once, make an entry of a component. */
  readonly selectors: readonly Selector[];
  /** Life of an X.509-SVID in seconds, up to 604 800. 0 or absent: the authority's. */
  readonly x509_svid_ttl?: number;
  /** Life of a JWT-SVID in seconds, up to 604 800. 0 or absent: the authority's. */
  readonly jwt_svid_ttl?: number;
  /** Other trust domains, up to 64. Kept: there is no federation. */
  readonly federates_with?: readonly string[];
  /** True keeps the entry out of the Delegated Identity API. Nothing else. */
  readonly admin?: boolean;
  /** As `admin`. */
  readonly downstream?: boolean;
  /** When the entry ends, Unix seconds; no SVID outlives it. 0: never. Also `entryExpiry`. */
  readonly expires_at?: number;
  /** DNS names in the X.509-SVID, up to 64. */
  readonly dns_names?: readonly string[];
  /** Kept, and counted on when the running authority's entry is changed. */
  readonly revision_number?: number;
  /** True keeps the entry out of both APIs: nobody gets it. */
  readonly store_svid?: boolean;
  /** Told to the workload beside its SVID, up to 1 024 bytes. Of a caller's entries with the same hint only the oldest counts. */
  readonly hint?: string;
  /** Unix seconds, for which of two is older. 0 or absent: when the authority took the entry. */
  readonly created_at?: number;
  /** Further switches. */
  readonly additional_attributes?: AdditionalAttributes;
}

/** An entry as the store holds it: every key present, defaults filled in. */
export type StoredEntry = Readonly<Required<RegistrationEntry>>;

import { SpiffeError } from '../../errors.ts';
import { createWorkloadProof } from './proof.ts';
import type { CreateProofOptions } from './proof.ts';
import type { WitSvid } from './wit-svid.ts';

const WIT_HEADER = 'workload-identity-token';
const PROOF_HEADER = 'authorization';
const PROOF_CREDENTIALS = /^WPT +([A-Za-z0-9._~+/-]+=*)$/i;

/** A WIT-SVID and the proof that its sender has the key, as they came with a request. Neither counts without the other. */
export interface WitPresentation {
  readonly wit: string;
  readonly proof: string;
}

/** The two headers of a request: `Workload-Identity-Token` (draft-ietf-wimse-workload-creds-02) and `Authorization` with the scheme `WPT` (draft-ietf-wimse-wpt-02). Throws as `createWorkloadProof`. */
export function createWitHeaders(
  svid: WitSvid,
  options: CreateProofOptions,
): { readonly 'workload-identity-token': string; readonly authorization: string } {
  return { [WIT_HEADER]: svid.token, [PROOF_HEADER]: `WPT ${createWorkloadProof(svid, options)}` };
}

/**
 * Finds WIT-SVID and proof in the headers of a request: a `Headers` object, or `rawHeaders` of node:http, in which a
 * repeated header still shows. Each must be there exactly once. Throws SpiffeError `ERR_WIT_MISSING` or `ERR_WIT_PROOF_MISSING`.
 */
export function readWitHeaders(headers: Headers | readonly string[]): WitPresentation {
  const wit = findOne(headers, WIT_HEADER);
  if (wit === undefined) {
    throw new SpiffeError(
      'ERR_WIT_MISSING',
      'Cannot accept request: it must have one header Workload-Identity-Token',
    );
  }
  const [, proof] = PROOF_CREDENTIALS.exec(findOne(headers, PROOF_HEADER) ?? '') ?? [];
  if (proof === undefined) {
    throw new SpiffeError(
      'ERR_WIT_PROOF_MISSING',
      'Cannot accept request: it must have one header Authorization with the scheme WPT',
    );
  }
  return { wit, proof };
}

function findOne(headers: Headers | readonly string[], name: string): string | undefined {
  if (headers instanceof Headers) {
    // Repeated headers are joined by a comma, which is in no token.
    return headers.get(name) ?? undefined;
  }
  const values = headers.filter((_, index) => index % 2 === 1 && headers[index - 1]?.toLowerCase() === name);
  return values.length === 1 ? values[0] : undefined;
}

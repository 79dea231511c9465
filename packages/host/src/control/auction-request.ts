import { LatticeError, parseConfig } from '@muster/lattice';
import type { HostFacts } from '../inventory.ts';

/** What both auctions ask. */
export interface AuctionRequest {
  readonly reference: string;
  readonly id: string;
  readonly constraints: Readonly<Record<string, string>>;
}

/** All three fields must be there, as in v1. Throws LatticeError `ERR_MESSAGE_MALFORMED`. */
export function parseAuction(body: Uint8Array, noun: 'component' | 'provider'): AuctionRequest {
  const value: unknown = decode(body);
  if (typeof value === 'object' && value !== null) {
    const fields = new Map<string, unknown>(Object.entries(value));
    const reference = fields.get(`${noun}_ref`);
    const id = fields.get(`${noun}_id`);
    const constraints = fields.get('constraints');
    if (typeof reference === 'string' && typeof id === 'string' && constraints !== undefined) {
      return { reference, id, constraints: parseConfig(JSON.stringify(constraints)) };
    }
  }
  throw malformed(noun);
}

/** True when every constraint equals a label of the host. */
export function fitsLabels(facts: HostFacts, request: AuctionRequest): boolean {
  return Object.entries(request.constraints).every(
    ([key, value]) => Object.hasOwn(facts.labels, key) && facts.labels[key] === value,
  );
}

function decode(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) as unknown;
  } catch {
    throw malformed('auction');
  }
}

function malformed(what: string): LatticeError {
  return new LatticeError(
    'ERR_MESSAGE_MALFORMED',
    `Cannot parse ${what} auction: reference, id and constraints are needed`,
  );
}

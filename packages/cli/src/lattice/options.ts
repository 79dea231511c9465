import { userInfo } from 'node:os';
import type { OptionTable } from '../options.ts';

export const DEFAULT_TRUST_DOMAIN = 'muster.internal';

/** Options of every command that talks to a running lattice. */
export const latticeOptions: OptionTable = {
  lattice: { value: 'NAME', default: 'default', help: 'The lattice' },
  'trust-domain': { value: 'NAME', help: 'The trust domain; known from the running lattice' },
  operator: { value: 'NAME', help: 'Act as the operator of this name; by default your user name' },
  servers: {
    value: 'ADDRESS',
    isMultiple: true,
    help: 'Where NATS is, host:port; known from the running lattice',
  },
  'workload-api': {
    value: 'ADDRESS',
    help: 'Where your identity comes from, unix:///path; known from the running lattice',
  },
};

/** The name of this process's user as a segment of a SPIFFE ID: `ann`, or `uid-1000` where the name does not fit. */
export function defaultOperator(): string {
  const { username, uid } = userInfo();
  return /^[A-Za-z0-9._-]{1,64}$/.test(username) && username !== '.' && username !== '..'
    ? username
    : `uid-${String(uid)}`;
}

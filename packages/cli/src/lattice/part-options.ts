import type { Io } from '../io.ts';
import { type Options, type OptionTable, usage } from '../options.ts';
import { dieWithParentOption } from '../process/die-with-parent.ts';
import { DEFAULT_TRUST_DOMAIN } from './options.ts';

/** Options of every part that is run by itself. */
export const partOptions: OptionTable = {
  lattice: { value: 'NAME', default: 'default', help: 'The lattice' },
  'trust-domain': { value: 'NAME', default: DEFAULT_TRUST_DOMAIN, help: 'The trust domain' },
  'die-with-parent': dieWithParentOption,
  verbose: { help: 'Write debug lines to the log' },
};

/** The option that says where a part's own identity comes from. */
export const workloadApiOption: OptionTable = {
  'workload-api': {
    value: 'ADDRESS',
    variable: 'SPIFFE_ENDPOINT_SOCKET',
    help: 'Workload API, unix:///path; by default that of SPIFFE_ENDPOINT_SOCKET',
  },
};

/** The Workload API of a part. Throws ERR_USAGE where none is named. */
export function workloadApiOf(options: Options, io: Io): string {
  const address = options.optional('workload-api') ?? io.env['SPIFFE_ENDPOINT_SOCKET'];
  if (address === undefined || address === '')
    throw usage('--workload-api or SPIFFE_ENDPOINT_SOCKET is needed');
  return address;
}

/** The option that says where NATS is. */
export const serversOption: OptionTable = {
  servers: { value: 'ADDRESS', isMultiple: true, isRequired: true, help: 'Where NATS is, tls://host:port' },
};

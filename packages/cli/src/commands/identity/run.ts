import { jsonLogger, systemClock } from '@muster/lattice';
import type { Command } from '../../command.ts';
import { DEFAULT_TRUST_DOMAIN } from '../../lattice/options.ts';
import { dieWithParent, dieWithParentOption } from '../../process/die-with-parent.ts';
import { runService } from '../../process/run-service.ts';

const SERVICE = 'identity';

export const command: Command = {
  about:
    'Entries are SPIRE\'s JSON, {"entries":[...]}. Run by itself the authority has no children, so entries must select by unix:*\n' +
    'or muster:external. The folders of both sockets must exist, with mode 0700.',
  options: {
    'trust-domain': { value: 'NAME', default: DEFAULT_TRUST_DOMAIN, help: 'The trust domain' },
    entries: { value: 'FILE', isRequired: true, help: 'Registration entries, read once at start' },
    socket: { value: 'PATH', isRequired: true, help: 'Where the Workload API listens' },
    'delegated-socket': {
      value: 'PATH',
      help: 'Where the Delegated Identity API listens; without it there is none',
    },
    delegate: { value: 'SPIFFE-ID', isMultiple: true, help: 'Who may use the Delegated Identity API' },
    'x509-svid-ttl': { value: 'DURATION', default: '1h', help: 'Life of an X.509-SVID' },
    'jwt-svid-ttl': { value: 'DURATION', default: '5m', help: 'Life of a JWT-SVID' },
    'ca-ttl': { value: 'DURATION', default: '24h', help: 'Life of the CA' },
    'audit-file': { value: 'FILE', help: 'Append audit records to this file' },
    'die-with-parent': dieWithParentOption,
    verbose: { help: 'Write debug lines to the log' },
  },
  async run(options, io) {
    dieWithParent(options);
    const { startAuthority } = await import('@muster/authority');
    const logger = jsonLogger(io.stderr, {
      service: SERVICE,
      level: options.isSet('verbose') ? 'debug' : 'info',
    });
    const trustDomain = options.required('trust-domain');
    const workloadApiSocket = options.required('socket');
    const authority = await startAuthority(
      {
        trustDomain,
        workloadApiSocket,
        delegatedSocket: options.optional('delegated-socket'),
        entriesFile: options.required('entries'),
        authorizedDelegates: options.list('delegate'),
        x509SvidTtlMs: options.durationMs('x509-svid-ttl'),
        jwtSvidTtlMs: options.durationMs('jwt-svid-ttl'),
        caTtlMs: options.durationMs('ca-ttl'),
        auditFile: options.optional('audit-file'),
      },
      { logger, clock: systemClock },
    );
    const { attestation } = authority.health();
    return runService(
      authority,
      { service: SERVICE, trustDomain, workloadApi: `unix://${workloadApiSocket}`, attestation },
      io,
    );
  },
};

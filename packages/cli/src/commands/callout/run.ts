import { readFileSync } from 'node:fs';
import { jsonLogger, systemClock } from '@muster/lattice';
import { createX509Source, SpiffeId, TrustDomain } from '@muster/spiffe';
import type { Command } from '../../command.ts';
import { partOptions, serversOption, workloadApiOf, workloadApiOption } from '../../lattice/part-options.ts';
import { dieWithParent } from '../../process/die-with-parent.ts';
import { keysOption, readKeyDocument } from '../../process/key-document.ts';
import { runService } from '../../process/run-service.ts';

const SERVICE = 'callout';

export const command: Command = {
  about:
    'The key document is {"issuerSeed":"SA...","xkeySeed":"SX...","userSeed":"SU..."}. Whoever holds the issuer seed\n' +
    'owns every account of the NATS server.',
  options: {
    'keys-fd': keysOption,
    ...partOptions,
    ...serversOption,
    ...workloadApiOption,
    rules: {
      value: 'FILE',
      help: 'Rule document (JSON); by default hosts and operators of the lattice are let in',
    },
    'user-ttl': { value: 'DURATION', default: '1h', help: 'Longest life of a connection, 1h at most' },
    'audit-file': { value: 'FILE', help: 'Append audit records to this file' },
  },
  async run(options, io) {
    dieWithParent(options);
    const keys = readKeyDocument(options.integer('keys-fd'), ['issuerSeed', 'xkeySeed', 'userSeed']);
    const { defaultRules, parseRuleDocument, startCallout } = await import('@muster/callout');
    const logger = jsonLogger(io.stderr, {
      service: SERVICE,
      level: options.isSet('verbose') ? 'debug' : 'info',
    });
    const lattice = options.required('lattice');
    const trustDomain = options.required('trust-domain');
    const workloadApi = workloadApiOf(options, io);
    const spiffeId = SpiffeId.fromSegments(TrustDomain.parse(trustDomain), 'callout').toString();
    const rulesFile = options.optional('rules');
    const auditFile = options.optional('audit-file');
    // The callout logs in by nkey; that the provider gives it its own name is what it shows for being the callout.
    const identity = await createX509Source({
      address: workloadApi,
      spiffeId,
      clock: systemClock,
      signal: io.signal,
    });
    const callout = await startCallout(
      {
        servers: options.list('servers'),
        trustDomain,
        lattice,
        rules:
          rulesFile === undefined
            ? defaultRules({ trustDomain, lattice })
            : parseRuleDocument(readFileSync(rulesFile, 'utf8')),
        workloadApi,
        keys,
        userTtlMs: options.durationMs('user-ttl') ?? 3_600_000,
        ...(auditFile === undefined ? {} : { auditFile }),
      },
      { logger, clock: systemClock, signal: io.signal },
    );
    for (const seed of Object.values(keys)) seed.fill(0);
    const stop = async (): Promise<void> => {
      await callout.stop();
      await identity.close();
    };
    return runService({ stop }, { service: SERVICE, spiffeId }, io);
  },
};

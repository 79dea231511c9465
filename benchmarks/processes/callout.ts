// The callout as a process of its own. Argument: its settings; on descriptor 4: its keys.
import { defaultRules, startCallout } from '@muster/callout';
import { jsonLogger } from '@muster/lattice';
import { readFileSync } from 'node:fs';

const settings = JSON.parse(process.argv[2] ?? '{}') as {
  server: string;
  workloadApi: string;
  auditFile: string;
  trustDomain: string;
};
const keys = JSON.parse(readFileSync(4, 'utf8')) as Record<'issuerSeed' | 'xkeySeed' | 'userSeed', string>;
const seed = (name: keyof typeof keys): Uint8Array => Buffer.from(keys[name], 'latin1');
await startCallout(
  {
    servers: [settings.server],
    trustDomain: settings.trustDomain,
    lattice: 'default',
    rules: defaultRules({ trustDomain: settings.trustDomain, lattice: 'default' }),
    workloadApi: settings.workloadApi,
    keys: { issuerSeed: seed('issuerSeed'), xkeySeed: seed('xkeySeed'), userSeed: seed('userSeed') },
    auditFile: settings.auditFile,
  },
  { logger: jsonLogger(process.stderr, { service: 'callout', level: 'warn' }) },
);
process.send?.({});

process.on('disconnect', () => process.exit());

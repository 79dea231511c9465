// The callout in a process of its own, so that it can be stopped and killed. Its keys come on descriptor 3.
import { readFileSync } from 'node:fs';
import { defaultRules, startCallout } from '@muster/callout';
import { jsonLogger } from '@muster/lattice';

interface Settings {
  readonly server: string;
  readonly workloadApi: string;
  readonly auditFile: string;
  readonly userTtlMs: number;
}

const settings = JSON.parse(process.argv[2] ?? '{}') as Settings;
const keys = JSON.parse(readFileSync(3, 'utf8')) as Record<'issuerSeed' | 'xkeySeed' | 'userSeed', string>;
const seed = (name: keyof typeof keys): Uint8Array => Buffer.from(keys[name], 'latin1');
const callout = await startCallout(
  {
    servers: [settings.server],
    trustDomain: 'muster.internal',
    lattice: 'default',
    rules: defaultRules({ trustDomain: 'muster.internal', lattice: 'default' }),
    workloadApi: settings.workloadApi,
    keys: { issuerSeed: seed('issuerSeed'), xkeySeed: seed('xkeySeed'), userSeed: seed('userSeed') },
    auditFile: settings.auditFile,
    userTtlMs: settings.userTtlMs,
  },
  { logger: jsonLogger(process.stderr, { service: 'callout', level: 'debug' }) },
);
process.on('SIGTERM', () => {
  void callout.stop().then(() => process.exit(0));
});
process.stdout.write('ready\n');

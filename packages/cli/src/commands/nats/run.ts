import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  createX509Source,
  marshalCertificatesPem,
  marshalPrivateKeyPem,
  SpiffeId,
  TrustDomain,
  type X509Svid,
} from '@muster/spiffe';
import type { Command } from '../../command.ts';
import { messageWithCauses } from '../../describe-error.ts';
import { CliError } from '../../errors.ts';
import type { Io } from '../../io.ts';
import { partOptions, workloadApiOf, workloadApiOption } from '../../lattice/part-options.ts';
import { type Options, PORTS } from '../../options.ts';
import { dieWithParent } from '../../process/die-with-parent.ts';
import { keepOverExec } from '../../process/native.ts';

export const command: Command = {
  about:
    'Fetches the X.509-SVID /nats/<name>, writes a configuration without secrets, and then replaces itself by nats-server, which\n' +
    'inherits the private key as an open descriptor of a file without a name. A new SVID needs a new start.',
  options: {
    name: { value: 'NAME', default: 'nats-1', help: 'Name of the server and last part of its SPIFFE ID' },
    ...partOptions,
    ...workloadApiOption,
    directory: {
      value: 'FOLDER',
      isRequired: true,
      help: 'Where its configuration, its certificate and what JetStream stores are kept',
    },
    port: {
      value: 'PORT',
      range: PORTS,
      default: '4222',
      help: 'Where it listens on 127.0.0.1; 0 lets it choose',
    },
    'callout-issuer': { value: 'KEY', isRequired: true, help: 'Public account key that signs user JWTs' },
    'callout-xkey': { value: 'KEY', isRequired: true, help: 'Public xkey of the callout' },
    'callout-user': { value: 'KEY', isRequired: true, help: 'Public user key by which the callout logs in' },
    'system-user': {
      value: 'KEY',
      help: 'Public user key of the system account; without it nobody can log in there',
    },
    program: {
      value: 'FILE',
      help: 'The nats-server program; by default it is looked for, and installed where there is none',
    },
  },
  async run(options, io) {
    dieWithParent(options);
    const { createKeyFile, findNatsServer } = await import('@muster/nats-server');
    const program =
      options.optional('program') ?? (await findNatsServer({ env: io.env, signal: io.signal })).path;
    const svid = await fetchServerSvid(options, io);
    const directory = options.required('directory');
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const key = createKeyFile(marshalPrivateKeyPem(svid));
    keepOverExec(key);
    const configFile = join(directory, 'nats-server.conf');
    writeFileSync(join(directory, 'server.pem'), marshalCertificatesPem(svid), { mode: 0o600 });
    writeFileSync(configFile, await configText(options, directory, key), { mode: 0o600 });
    // The environment holds nothing that nats-server reads.
    process.execve?.(program, ['nats-server', '-c', configFile], {});
    throw new Error('Cannot become nats-server: execve is not there');
  },
};

async function fetchServerSvid(options: Options, io: Io): Promise<X509Svid> {
  const trustDomain = TrustDomain.parse(options.required('trust-domain'));
  const spiffeId = SpiffeId.fromSegments(trustDomain, 'nats', options.required('name')).toString();
  const address = workloadApiOf(options, io);
  try {
    await using source = await createX509Source({ address, spiffeId, timeoutMs: 10_000, signal: io.signal });
    return source.getX509Svid();
  } catch (cause) {
    const reason = cause instanceof Error ? messageWithCauses(cause) : String(cause);
    throw new CliError(
      'ERR_SERVER_IDENTITY',
      `The Workload API at ${address} gave no X.509-SVID for ${spiffeId}: ${reason}`,
      { cause },
    );
  }
}

async function configText(options: Options, directory: string, key: number): Promise<string> {
  const { natsServerConfig } = await import('@muster/nats-server');
  const systemUser = options.optional('system-user');
  return natsServerConfig({
    serverName: options.required('name'),
    lattice: options.required('lattice'),
    port: options.integer('port'),
    storeDir: join(directory, 'store'),
    tls: { certFile: join(directory, 'server.pem'), keyFile: `/proc/self/fd/${String(key)}` },
    callout: {
      issuer: options.required('callout-issuer'),
      xkey: options.required('callout-xkey'),
      user: options.required('callout-user'),
    },
    ...(systemUser === undefined ? {} : { systemUser }),
  });
}

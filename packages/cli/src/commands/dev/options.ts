import type { Io } from '../../io.ts';
import { DEFAULT_TRUST_DOMAIN, defaultOperator } from '../../lattice/options.ts';
import { type Options, type OptionTable, PORTS } from '../../options.ts';

/** What can be chosen about a development lattice. */
export interface DevOptions {
  readonly lattice: string;
  readonly trustDomain: string;
  /** Port of NATS on 127.0.0.1; 0 takes a free one. */
  readonly natsPort: number;
  /** Port of the component's HTTP server on 127.0.0.1; 0 takes a free one. */
  readonly httpPort: number;
  readonly hosts: number;
  /** Name of an example or path of a `.wasm` file; `none` starts no component. */
  readonly component: string;
  readonly operator: string;
  readonly x509SvidTtlMs: number;
  readonly jwtSvidTtlMs: number;
  /** Life of nats-server's own X.509-SVID from the own authority, whole seconds; default 24 h. Not on the command line. */
  readonly serverSvidTtlMs?: number;
  /** Another provider of identities, `unix:///path`; then no authority is started. */
  readonly workloadApi?: string;
  readonly delegatedApi?: string;
  /** Further components, which get an entry and may be started on every host, but are not started. */
  readonly extraComponents?: readonly string[];
  /** Further options of every `muster host run`. */
  readonly hostArguments?: readonly string[];
  /** Further options of `muster callout run`. */
  readonly calloutArguments?: readonly string[];
  readonly isVerbose?: boolean;
}

/** The components that the repository's examples folder holds. */
export const DEFAULT_COMPONENT = 'hello-identity';

export const devOptionTable: OptionTable = {
  lattice: { value: 'NAME', default: 'default', help: 'Name of the lattice' },
  'trust-domain': { value: 'NAME', default: DEFAULT_TRUST_DOMAIN, help: 'Name of the trust domain' },
  'nats-port': {
    value: 'PORT',
    range: PORTS,
    default: '4222',
    help: 'Port of NATS on 127.0.0.1; 0 takes a free one',
  },
  'http-port': {
    value: 'PORT',
    range: PORTS,
    default: '8000',
    help: 'Port of HTTP on 127.0.0.1; 0 takes a free one',
  },
  hosts: { value: 'N', range: [1, 32], default: '1', help: 'How many hosts to start' },
  component: { value: 'NAME|FILE', default: DEFAULT_COMPONENT, help: 'An example, a .wasm file, or none' },
  operator: { value: 'NAME', help: 'Your name as operator; by default your user name' },
  'x509-svid-ttl': { value: 'DURATION', default: '1h', help: 'Life of an X.509-SVID' },
  'jwt-svid-ttl': { value: 'DURATION', default: '5m', help: 'Life of a JWT-SVID' },
  'workload-api': {
    value: 'ADDRESS',
    help: 'Use this provider of identities, unix:///path, instead of the own authority',
  },
  'delegated-api': { value: 'ADDRESS', help: "That provider's Delegated Identity API, for the components" },
  verbose: { help: 'Show every log line of every part' },
};

/** Reads the options of `muster dev`. Throws ERR_USAGE. */
export function readDevOptions(options: Options, _io: Io): DevOptions {
  const workloadApi = options.optional('workload-api');
  const delegatedApi = options.optional('delegated-api');
  return {
    lattice: options.required('lattice'),
    trustDomain: options.required('trust-domain'),
    natsPort: options.integer('nats-port'),
    httpPort: options.integer('http-port'),
    hosts: options.integer('hosts'),
    component: options.required('component'),
    operator: options.optional('operator') ?? defaultOperator(),
    x509SvidTtlMs: options.durationMs('x509-svid-ttl') ?? 3_600_000,
    jwtSvidTtlMs: options.durationMs('jwt-svid-ttl') ?? 300_000,
    ...(workloadApi === undefined ? {} : { workloadApi }),
    ...(delegatedApi === undefined ? {} : { delegatedApi }),
    isVerbose: options.isSet('verbose'),
  };
}

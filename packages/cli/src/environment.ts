/** One environment variable. */
export interface Variable {
  readonly meaning: string;
  /** What holds where it is not set. */
  readonly otherwise: string;
  /** `muster dev` gives it to the parts that it starts; all others are kept from them. */
  readonly isPassedOn?: true;
  /** Read by Node, Go or the system's libraries and not by our code. */
  readonly reader?: string;
}

const UNUSED = 'the same';

/** Every environment variable that changes what a program of this project does; docs/configuration.md is made from it. */
export const ENVIRONMENT: Readonly<Record<string, Variable>> = {
  MUSTER_LATTICE_DIR: {
    meaning: 'The lattice directory itself, whatever the lattice is called. Its mode must be 0700.',
    otherwise: '`<runtime folder>/muster-<uid>/<lattice>`',
  },
  MUSTER_NATS_SERVER: {
    meaning:
      'The nats-server program. It is used as it is, or refused with the reason; nothing else is tried.',
    otherwise:
      '`nats-server` on `PATH` that is new enough, then the cache, then it is installed into the cache',
  },
  MUSTER_NATS_SERVER_RELEASES: {
    meaning: 'Base URL of nats-server release archives, with `/` at its end. Used where there is no Go.',
    otherwise: 'the releases of the nats-server project',
  },
  SPIFFE_ENDPOINT_SOCKET: {
    meaning:
      'Address of the Workload API, `unix:///path` or `tcp://ip:port`, where `--workload-api` names none.',
    otherwise:
      '`--workload-api` is needed by the parts; the commands that ask a lattice read its `lattice.json`',
  },
  SPIFFE_BROKER_SOCKET: {
    meaning: 'Address of the Broker API for `@muster/spiffe/unstable`. No command uses it.',
    otherwise: 'the address must be given',
  },
  XDG_RUNTIME_DIR: {
    meaning:
      "Runtime folder: lattice directories lie in it, and nats-server's key where it is a tmpfs and /dev/shm is none.",
    otherwise: '`/tmp`',
    isPassedOn: true,
  },
  XDG_CACHE_HOME: {
    meaning: 'Cache folder: nats-server and built components lie in `muster/` in it.',
    otherwise: '`~/.cache`',
  },
  HOME: {
    meaning: 'Home folder, for the cache and for Go.',
    otherwise: 'the home folder of the user in /etc/passwd',
    isPassedOn: true,
  },
  PATH: {
    meaning: 'Where `nats-server` and `go` are looked for.',
    otherwise: 'neither is found',
    isPassedOn: true,
  },
  GOFLAGS: {
    meaning: 'Flags for `go install` of nats-server; those that begin with `-mod` are left out.',
    otherwise: 'none',
  },
  GOOS: { meaning: 'Kept from `go install`: the program must run here.', otherwise: UNUSED },
  GOARCH: { meaning: 'Kept from `go install`, as GOOS.', otherwise: UNUSED },
  GOWORK: { meaning: 'Kept from `go install`: no workspace takes part.', otherwise: UNUSED },
  GO111MODULE: { meaning: 'Kept from `go install`: modules are always used.', otherwise: UNUSED },
  NODE_USE_ENV_PROXY: {
    meaning: '`1`: downloads go through the proxy that HTTP_PROXY, HTTPS_PROXY and NO_PROXY name.',
    otherwise: 'no proxy is used',
    reader: 'Node',
  },
  NO_COLOR: {
    meaning: 'Not empty: no colours.',
    otherwise: 'colours on a terminal',
    isPassedOn: true,
    reader: 'Node',
  },
  TMPDIR: {
    meaning: 'Folder for temporary files.',
    otherwise: '`/tmp`',
    isPassedOn: true,
    reader: 'Node',
  },
  LANG: { meaning: 'Locale.', otherwise: 'that of the system', isPassedOn: true, reader: 'the system' },
  LC_ALL: {
    meaning: 'Locale, before LANG.',
    otherwise: 'that of the system',
    isPassedOn: true,
    reader: 'the system',
  },
  TZ: {
    meaning: 'Time zone. Logs, records and events are in UTC.',
    otherwise: 'that of the system',
    isPassedOn: true,
    reader: 'the system',
  },
};

import { checkToken, quote } from './quote.ts';

/** What an account may use at most; -1 means no limit. These bind users that the callout let in, unlike limits in their JWT. */
export interface AccountLimits {
  /** Connections at once. Default 5 000. */
  maxConnections?: number;
  /** Subscriptions of one connection. Default 100 000. */
  maxSubscriptions?: number;
  /** Bytes of one message. Default 1 MiB. */
  maxPayloadBytes?: number;
}

export interface NatsServerConfigOptions {
  /** Name of the server, last part of its SPIFFE ID. */
  serverName: string;
  /** The lattice whose audit subject is exported from AUTH to HOSTS. */
  lattice: string;
  /** Default 127.0.0.1. */
  host?: string;
  /** 0 lets the server choose a free one. Default 4222. */
  port?: number;
  /** JetStream's folder. */
  storeDir: string;
  /** JetStream's maximum on disk, default 1 GiB; in memory it is a quarter of that. */
  maxStoreBytes?: number;
  /** PEM files of the server's own X.509-SVID; the key file is meant to be `/proc/self/fd/<n>`. */
  tls: { certFile: string; keyFile: string };
  /** Public keys: the account key `A...` that signs user JWTs, the xkey `X...`, the service's own user key `U...`, and its queue group. */
  callout: { issuer: string; xkey: string; user: string; queue?: string };
  /** Public user key of the system account. Without it nobody can log in there. */
  systemUser?: string;
  /** Limits of the account HOSTS, see below. */
  hostsLimits?: AccountLimits;
  /** Longest time for TLS, and for the decision about one client, in ms. Default 3 000. */
  authTimeoutMs?: number;
  /** Loopback port of the HTTP monitoring; default none, `$SYS` requests answer the same questions. */
  monitoringPort?: number;
}

/** The queue group of the callout's instances, unless the configuration names another. */
export const CALLOUT_QUEUE = 'muster-callout';

/**
 * The text of a server configuration with the accounts HOSTS (JetStream), AUTH and SYS, in which every client is judged
 * by the auth callout. It holds public keys and file names only. Throws ERR_NATS_SERVER_CONFIG.
 */
export function natsServerConfig(options: NatsServerConfigOptions): string {
  const timeoutSeconds = String((options.authTimeoutMs ?? 3_000) / 1_000);
  const host = options.host ?? '127.0.0.1';
  const port = options.port ?? 4_222;
  return `server_name: ${checkToken(options.serverName, 'a server name')}
listen: ${quote(`${host}:${String(port === 0 ? -1 : port)}`)}
${options.monitoringPort === undefined ? '' : `http: "127.0.0.1:${String(options.monitoringPort)}"\n`}logtime_utc: true
# A CONNECT line carries a whole JWT-SVID.
max_control_line: 16KB
# A hung callout instance is noticed within half a minute.
ping_interval: "10s"
ping_max: 2
${jetStream(options)}
tls {
  cert_file: ${quote(options.tls.certFile)}
  key_file: ${quote(options.tls.keyFile)}
  timeout: ${timeoutSeconds}
}
${accounts(options)}
system_account: SYS
authorization {
  timeout: ${timeoutSeconds}
  auth_callout {
    account: AUTH
    issuer: ${checkToken(options.callout.issuer, 'an account key')}
    xkey: ${checkToken(options.callout.xkey, 'an xkey')}
    auth_users: [ ${staticUsers(options).join(', ')} ]
  }
}
`;
}

function staticUsers(options: NatsServerConfigOptions): string[] {
  const system = options.systemUser === undefined ? [] : [checkToken(options.systemUser, 'a user key')];
  return [checkToken(options.callout.user, 'a user key'), ...system];
}

function jetStream(options: NatsServerConfigOptions): string {
  const disk = options.maxStoreBytes ?? 1_073_741_824;
  return `jetstream {
  store_dir: ${quote(options.storeDir)}
  max_file_store: ${String(disk)}
  max_memory_store: ${String(Math.floor(disk / 4))}
}`;
}

function accounts(options: NatsServerConfigOptions): string {
  const limits = options.hostsLimits ?? {};
  const audit = `muster.audit.${checkToken(options.lattice, 'a lattice')}`;
  const queue = checkToken(options.callout.queue ?? CALLOUT_QUEUE, 'a queue group');
  const [calloutUser, systemUser] = staticUsers(options);
  return `accounts {
  HOSTS {
    jetstream: enabled
    limits {
      max_conn: ${String(limits.maxConnections ?? 5_000)}
      max_subs: ${String(limits.maxSubscriptions ?? 100_000)}
      max_payload: ${String(limits.maxPayloadBytes ?? 1_048_576)}
    }
    imports: [ { stream: { account: AUTH, subject: "${audit}.>" } } ]
  }
  AUTH {
    users: [ {
      nkey: ${String(calloutUser)}
      permissions {
        subscribe: { allow: ["$SYS.REQ.USER.AUTH ${queue}"] }
        publish: { allow: ["${audit}.callout"] }
        allow_responses: { max: 1, expires: "5s" }
      }
    } ]
    exports: [ { stream: "${audit}.>", accounts: [HOSTS] } ]
  }
  SYS { users: [ ${systemUser === undefined ? '' : `{ nkey: ${systemUser} }`} ] }
}`;
}

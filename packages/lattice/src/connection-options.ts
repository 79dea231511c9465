import type { NatsConnection } from '@nats-io/transport-node';
import type { JwtSvid, TrustDomain, X509BundleSource } from '@muster/spiffe';
import type { Clock } from './clock.ts';
import type { Logger } from './logger.ts';

/** How connection attempts are paced. Pauses double from `initialDelayMs` to `maxDelayMs`, each with jitter. */
export interface ConnectRetryOptions {
  /** Default 500. */
  readonly initialDelayMs?: number;
  /** Default 10 000. */
  readonly maxDelayMs?: number;
  /** Attempts before the first connect gives up; 0 = never. Default 0. Reconnecting never gives up. */
  readonly attempts?: number;
  /** Part of each pause that is random, 0 to 1. Default 0.5. */
  readonly jitter?: number;
}

export interface ConnectLatticeOptions {
  /** `host:port` or `tls://host:port`. */
  readonly servers: readonly string[];
  /** Name of the connection as nats-server and the callout see it: `ctl`, `rpc`, `cli`... */
  readonly name: string;
  readonly trustDomain: TrustDomain;
  /** Path prefix of the SPIFFE IDs that a server may have. Default `/nats/`. */
  readonly serverPath?: string;
  readonly bundles: X509BundleSource;
  /** Asked before every connection attempt. Its JWT-SVID's audience must be the callout's SPIFFE ID. */
  readonly fetchToken: (options: { readonly signal: AbortSignal }) => Promise<JwtSvid>;
  /** `inboxPrefix(spiffeId)` of the connecting identity. */
  readonly inboxPrefix: string;
  readonly retry?: ConnectRetryOptions;
  /** Bound of one attempt: dial, TLS, answer of the server (which may wait for the callout). Default 10 000. */
  readonly attemptTimeoutMs?: number;
  /** Bound of one call of `fetchToken`. Default 5 000. */
  readonly tokenTimeoutMs?: number;
  /**
   * When the server will end the connection, in ms since the epoch; by default asked of the server itself. A planned
   * reconnect happens at about 80 % of the time from connect to then. `false` turns planned reconnects off.
   */
  readonly userExpiry?: false | ((nats: NatsConnection) => Promise<number | undefined>);
  /** Aborts the first connect. */
  readonly signal?: AbortSignal;
}

export interface ConnectDependencies {
  readonly clock?: Clock;
  readonly logger?: Logger;
}

/** What `onStatus` hears. Errors here never carry a JWT-SVID. */
export type ConnectionStatus =
  | { readonly type: 'connected'; readonly server: string }
  | { readonly type: 'disconnected' }
  | {
      readonly type: 'attempt-failed';
      readonly error: Error;
      readonly attempt: number;
      readonly retryInMs: number;
    }
  | { readonly type: 'reconnected'; readonly server: string; readonly attempts: number }
  | { readonly type: 'planned-reconnect' }
  | { readonly type: 'error'; readonly error: Error }
  | { readonly type: 'closed'; readonly error?: Error };

/**
 * A connection that authenticates with a fresh JWT-SVID at every attempt and keeps its subscriptions over reconnects.
 * It does not close itself when the identity expires: whoever owns the identity does, by `close`.
 */
export interface LatticeConnection {
  readonly nats: NatsConnection;
  /** False between a disconnect and the next successful attempt, and after close. */
  isConnected(): boolean;
  /** When the server will end the present connection, in ms since the epoch; undefined when not known. */
  userExpiresAt(): number | undefined;
  /** Drops the connection and dials again with a fresh JWT-SVID; subscriptions are kept. */
  reconnect(): void;
  /** Calls `listener` for each status until the returned function is called. */
  onStatus(listener: (status: ConnectionStatus) => void): () => void;
  /** Resolves when the connection has been closed for good. */
  readonly closed: Promise<void>;
  /** Closes at once (default), or after delivering what is under way with `isDrained`. */
  close(options?: { readonly isDrained?: boolean }): Promise<void>;
}

import {
  auditSubject,
  CALLOUT_QUEUE,
  connectWithNkey,
  createAuditLog,
  nkeyFromSeed,
  silentLogger,
  systemClock,
  systemSubjects,
  xkeyFromSeed,
} from '@muster/lattice';
import type { AuditEntry, Clock, LatticeConnection, Logger, Nkey } from '@muster/lattice';
import { TrustDomain } from '@muster/spiffe';
import type { Msg, Subscription } from '@nats-io/transport-node';
import { watchBundles } from './bundle-keeper.ts';
import type { FollowedBundles } from './bundle-keeper.ts';
import { RequestChecker } from './authorization-request.ts';
import { checkConfig, MAX_WAIT_MS } from './config.ts';
import type { CalloutConfig } from './config.ts';
import { DecisionMaker } from './decision.ts';
import type { Decision } from './decision.ts';
import { CalloutError } from './errors.ts';
import { LagGuard } from './lag-guard.ts';
import { RequestQueue } from './request-queue.ts';
import { compileRules } from './rules.ts';
import { VerifiedTokenCache } from './token-cache.ts';

export interface CalloutDependencies {
  readonly clock?: Clock;
  /** Milliseconds that pass whatever is done to the clock; default `performance.now`, or `clock.now` of a given clock. */
  readonly elapsed?: () => number;
  readonly logger?: Logger;
  /** Aborts the start, which otherwise waits for the Workload API and nats-server without end. */
  readonly signal?: AbortSignal;
  /** Instead of the Workload API of the configuration; closed by `stop`. */
  readonly bundles?: FollowedBundles;
  /** Instead of the TLS connection with the user key of the configuration; closed by `stop`. */
  readonly connection?: LatticeConnection;
}

export interface CalloutStats {
  readonly allowed: number;
  readonly denied: number;
  /** Requests that were not genuine and got no answer. */
  readonly ignored: number;
  readonly shed: number;
  /** Decisions to let in that were taken back because they could not be audited. */
  readonly unaudited: number;
  readonly waiting: number;
  readonly lagMs: number;
  readonly isConnected: boolean;
  /** False while this instance stepped out of the queue group because it lagged. */
  readonly isSubscribed: boolean;
}

/** A running callout. */
export interface Callout {
  stats(): CalloutStats;
  /** Leaves the queue group, answers what is waiting, closes everything and wipes the keys. */
  stop(): Promise<void>;
}

/**
 * Starts one instance. Resolves when nats-server sends it requests; until then nobody gets in. Throws ERR_CALLOUT_CONFIG,
 * ERR_RULES_MALFORMED, errors of the keys and the audit file, ERR_CALLOUT_START when `signal` aborts.
 */
export async function startCallout(
  config: CalloutConfig,
  dependencies: CalloutDependencies = {},
): Promise<Callout> {
  const { clock = systemClock, logger = silentLogger } = dependencies;
  const { elapsed = clock === systemClock ? () => performance.now() : () => clock.now() } = dependencies;
  const checked = checkConfig(config);
  const matchRule = compileRules(config.rules);
  const issuer = readKey('issuerSeed', 'A', config.keys.issuerSeed);
  const xkey = xkeyFromSeed(config.keys.xkeySeed);
  const user = readKey('userSeed', 'U', config.keys.userSeed);
  const tokens = new VerifiedTokenCache(checked.tokenCacheSize);
  let connection: LatticeConnection | undefined;
  let bundles: FollowedBundles | undefined;
  const subject = auditSubject(checked.lattice, 'callout');
  const audit = createAuditLog({
    service: 'callout',
    clock,
    ...(config.auditFile === undefined ? {} : { file: config.auditFile }),
    ...(config.auditWrite === undefined ? {} : { write: config.auditWrite }),
    publish: (bytes) => {
      // While disconnected the client would keep records without bound; the file has them.
      if (connection?.isConnected() === true) connection.nats.publish(subject, bytes);
    },
  });
  const release = async (): Promise<void> => {
    await connection?.close();
    await bundles?.close();
    audit.close();
    for (const key of [issuer, xkey, user]) key.wipe();
  };
  try {
    bundles =
      dependencies.bundles ??
      (await watchBundles(checked.workloadApi, { clock, logger, signal: dependencies.signal }));
    connection = dependencies.connection ?? (await connect(bundles));
  } catch (cause) {
    await release();
    throw new CalloutError(
      'ERR_CALLOUT_START',
      'Cannot start callout: the Workload API or nats-server is not there',
      { cause },
    );
  }

  function connect(bundleSource: FollowedBundles): Promise<LatticeConnection> {
    return connectWithNkey(
      {
        servers: checked.servers,
        name: 'callout',
        nkey: user,
        trustDomain: TrustDomain.parse(checked.trustDomain),
        serverPath: checked.natsServerPath,
        bundles: bundleSource,
        // Clients that come back before the callout sit out the server's whole time limit, so be quick.
        retry: { initialDelayMs: 20, maxDelayMs: 100, jitter: 0.3 },
        ...(dependencies.signal === undefined ? {} : { signal: dependencies.signal }),
      },
      { clock, logger },
    );
  }

  const maker = new DecisionMaker({
    checker: new RequestChecker({ xkey, issuer: issuer.publicKey, leewayMs: checked.leewayMs }),
    signer: { issuer, xkey },
    matchRule,
    bundles,
    tokens,
    trustDomain: checked.trustDomain,
    audience: checked.audience,
    userTtlMs: checked.userTtlMs,
    maxTokenLength: checked.maxTokenLength,
    leewayMs: checked.leewayMs,
  });
  bundles.onChange(() => tokens.clear());
  const counts = { allowed: 0, denied: 0, ignored: 0, shed: 0, unaudited: 0 };

  /** True when the record is written; nobody may be let in otherwise. */
  const record = (entry: AuditEntry): boolean => {
    try {
      audit.write(entry);
      return true;
    } catch (error) {
      counts.unaudited += 1;
      logger.error('audit record could not be written', { requestId: entry.requestId, error });
      return false;
    }
  };
  const handle = (message: Msg): void => {
    const decision = maker.decide(
      message.data,
      message.headers?.get('Nats-Server-Xkey') || undefined,
      clock.now(),
    );
    if (record(decision.entry)) {
      counts[decision.kind] += 1;
      logDecision(logger, decision);
      if (decision.answer !== undefined) message.respond(decision.answer);
    } else if (decision.refusal !== undefined) {
      message.respond(decision.refusal());
    }
  };
  const shed = (): void => {
    counts.shed += 1;
    const error = 'ERR_REQUEST_SHED: Cannot decide: too many requests are waiting';
    record({ requestId: crypto.randomUUID(), spiffeId: null, decision: 'deny', rule: null, reason: error });
  };
  const queue = new RequestQueue<Msg>({
    maxInFlight: checked.maxInFlight,
    maxWaitMs: MAX_WAIT_MS,
    now: elapsed,
    handle,
    shed,
  });

  const { nats } = connection;
  let subscription: Subscription | undefined;
  const join = (): void => {
    subscription ??= nats.subscribe(systemSubjects.authorizationRequest, {
      queue: CALLOUT_QUEUE,
      callback: (error, message) => {
        if (error === null) queue.push(message);
        else logger.error('authorization requests cannot be received', { error });
      },
    });
  };
  const leave = (): void => {
    subscription?.unsubscribe();
    subscription = undefined;
  };
  const guard = new LagGuard({
    clock: {
      now: elapsed,
      setTimeout: (run, delayMs) => clock.setTimeout(run, delayMs),
      clearTimeout: (timer) => clock.clearTimeout(timer),
    },
    maxLagMs: checked.maxLagMs,
    onLagging: () => {
      logger.warn('event loop lags, leaving the queue group', { lagMs: guard.lagMs });
      leave();
    },
    onRecovered: () => {
      logger.info('event loop is well again, joining the queue group');
      join();
    },
  });
  join();
  guard.start();
  await nats.flush();
  logger.info('callout is answering', { audience: checked.audience, issuer: issuer.publicKey });

  const open = connection;
  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    guard.stop();
    leave();
    if (open.isConnected()) await nats.flush().catch(() => {});
    while (queue.length > 0 && open.isConnected()) await new Promise(setImmediate);
    queue.clear();
    if (open.isConnected()) await nats.flush().catch(() => {});
    await release();
  };
  return {
    stats: () => ({
      ...counts,
      waiting: queue.length,
      lagMs: guard.lagMs,
      isConnected: open.isConnected(),
      isSubscribed: subscription !== undefined,
    }),
    stop: () => (stopping ??= stop()),
  };
}

/** An nkey of the right kind; one in the wrong place would only show when nats-server refuses everything. */
function readKey(name: string, prefix: 'A' | 'U', seed: Uint8Array): Nkey {
  const key = nkeyFromSeed(seed);
  if (key.publicKey.startsWith(prefix)) return key;
  key.wipe();
  throw new CalloutError(
    'ERR_CALLOUT_CONFIG',
    `Cannot start callout: "${name}" must be a seed starting with S${prefix}`,
  );
}

function logDecision(logger: Logger, { kind, entry }: Decision): void {
  const { requestId, spiffeId, rule, reason, details } = entry;
  if (kind === 'allowed') logger.debug('connection allowed', { requestId, spiffeId, rule, details });
  else if (kind === 'denied') logger.info('connection denied', { requestId, spiffeId, reason, details });
  else logger.warn('authorization request ignored', { requestId, reason });
}

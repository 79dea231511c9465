import { randomUUID } from 'node:crypto';
import type { AuditEntry, JsonObject } from '@muster/lattice';
import { verifyJwtSvid } from '@muster/spiffe';
import type { JwtBundleSource, VerifiedJwtSvid } from '@muster/spiffe';
import type { AuthorizationRequest, RequestChecker } from './authorization-request.ts';
import { CalloutError } from './errors.ts';
import type { Grant, RuleMatcher } from './rules.ts';
import type { VerifiedTokenCache } from './token-cache.ts';
import { chooseUserExpiry, sealGrant, sealRefusal } from './user-claims.ts';
import type { AnswerSigner } from './user-claims.ts';

/** The outcome for one request. Without an answer the server refuses the client when its own time is up. */
export interface Decision {
  readonly kind: 'allowed' | 'denied' | 'ignored';
  readonly answer: Uint8Array | undefined;
  /** Makes the refusal to send instead of `answer`; absent where nothing may be answered. */
  readonly refusal: (() => Uint8Array) | undefined;
  readonly entry: AuditEntry;
}

export interface DecisionMakerOptions {
  readonly checker: RequestChecker;
  readonly signer: AnswerSigner;
  readonly matchRule: RuleMatcher;
  readonly bundles: JwtBundleSource;
  readonly tokens: VerifiedTokenCache;
  readonly trustDomain: string;
  /** What the `aud` of a JWT-SVID must contain: the callout's own SPIFFE ID. */
  readonly audience: string;
  readonly userTtlMs: number;
  readonly maxTokenLength: number;
  readonly leewayMs: number;
  readonly random?: () => number;
}

/** Decides about requests, synchronously and without effects: who calls it audits first and answers then. */
export class DecisionMaker {
  readonly #options: DecisionMakerOptions;

  constructor(options: DecisionMakerOptions) {
    this.#options = options;
  }

  decide(message: Uint8Array, serverXkey: string | undefined, now: number): Decision {
    const requestId = randomUUID();
    let request: AuthorizationRequest;
    try {
      request = this.#options.checker.check(message, serverXkey, now);
    } catch (error) {
      const entry = deny(requestId, null, error, {});
      return { kind: 'ignored', answer: undefined, refusal: undefined, entry };
    }
    return this.#judge(requestId, request, now);
  }

  #judge(requestId: string, request: AuthorizationRequest, now: number): Decision {
    const { signer, userTtlMs, random } = this.#options;
    const details = describe(request);
    const refusal = (): Uint8Array => sealRefusal(signer, request, now);
    let spiffeId: string | null = null;
    try {
      spiffeId = this.#verify(request, now).id.toString();
      const grant = this.#match(spiffeId, request.client.name);
      const expiresAt = chooseUserExpiry(Math.min(grant.ttlMs ?? userTtlMs, userTtlMs), now, random);
      const answer = sealGrant(signer, request, spiffeId, grant, { now, expiresAt });
      const granted = { ...details, account: grant.account, userExpiresAt: expiresAt };
      const entry = {
        requestId,
        spiffeId,
        decision: 'allow',
        rule: grant.rule,
        reason: 'rule matched',
      } as const;
      return { kind: 'allowed', answer, refusal, entry: { ...entry, details: granted } };
    } catch (error) {
      const entry = deny(requestId, spiffeId, error, details);
      return { kind: 'denied', answer: refusal(), refusal, entry };
    }
  }

  #verify(request: AuthorizationRequest, now: number): VerifiedJwtSvid {
    const { tokens, bundles, audience, maxTokenLength, leewayMs, trustDomain } = this.#options;
    const { token, client } = request;
    if (client.kind !== 'Client' || client.type !== 'nats') {
      throw new CalloutError(
        'ERR_CONNECTION_KIND',
        `Cannot let in: the connection is of kind "${client.kind}", type "${client.type}"`,
      );
    }
    if (request.hasOtherCredentials) {
      throw new CalloutError(
        'ERR_CREDENTIAL_MIXED',
        'Cannot let in: other credentials than a JWT-SVID were sent',
      );
    }
    if (token === '') throw new CalloutError('ERR_TOKEN_MISSING', 'Cannot let in: no JWT-SVID was sent');
    if (token.length > maxTokenLength) {
      throw new CalloutError(
        'ERR_TOKEN_TOO_LONG',
        `Cannot let in: the JWT-SVID is longer than ${maxTokenLength}`,
      );
    }
    const svid = tokens.get(token, now, () =>
      verifyJwtSvid(token, { bundles, audience, now, leewayMs, maxTokenLength }),
    );
    if (svid.id.trustDomain.name !== trustDomain) {
      throw new CalloutError('ERR_TRUST_DOMAIN', `Cannot let in: the trust domain is not "${trustDomain}"`);
    }
    return svid;
  }

  #match(spiffeId: string, connection: string): Grant {
    const grant = this.#options.matchRule(spiffeId, connection);
    if (grant !== undefined) return grant;
    throw new CalloutError('ERR_NO_RULE', 'Cannot let in: no rule is for this SPIFFE ID and connection name');
  }
}

function deny(requestId: string, spiffeId: string | null, error: unknown, details: JsonObject): AuditEntry {
  return { requestId, spiffeId, decision: 'deny', rule: null, reason: describeReason(error), details };
}

/** A code and its text. Texts of our own error classes never hold a token; those of others stay out. */
function describeReason(error: unknown): string {
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  if (!(error instanceof Error) || typeof code !== 'string' || !code.startsWith('ERR_'))
    return 'internal error';
  return `${code}: ${error.message}`.slice(0, 400);
}

function describe(request: AuthorizationRequest): JsonObject {
  const { server, client } = request;
  return {
    serverId: server.id,
    serverName: server.name.slice(0, 128),
    clientId: client.id,
    clientHost: client.host.slice(0, 128),
    connection: client.name.slice(0, 128),
  };
}

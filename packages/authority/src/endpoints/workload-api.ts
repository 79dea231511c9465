import { SpiffeId, verifyJwtSvid, type VerifiedJwtSvid } from '@muster/spiffe';
import {
  emptyMessage,
  jwtBundlesResponse,
  jwtSvidRequest,
  jwtSvidResponse,
  validateJwtSvidRequest,
  validateJwtSvidResponse,
  WORKLOAD_API_HEADER,
  x509BundlesResponse,
  x509SvidResponse,
  type GrpcCall,
  type GrpcService,
} from '@muster/spiffe/wire';
import { isComponentEntry } from '../entries/component-entry.ts';
import type { StoredEntry } from '../entries/registration-entry.ts';
import type { Entrance } from './call-gate.ts';
import { issueJwtSvid } from './jwt-grant.ts';
import {
  assertAudience,
  bundleState,
  holdSvids,
  invalid,
  jwtBundles,
  noIdentity,
  openStream,
  x509Bundles,
  type ServiceContext,
} from './service-context.ts';

/** The SPIFFE Workload API (SPIFFE Workload API 4 and 5). The WIT methods are not there, so they answer UNIMPLEMENTED. */
export function workloadApi(context: ServiceContext): GrpcService {
  return {
    securityHeader: WORKLOAD_API_HEADER,
    methods: {
      FetchX509SVID: {
        kind: 'serverStream',
        handle: (request, call) => fetchX509Svid(context, request, call),
      },
      FetchX509Bundles: {
        kind: 'serverStream',
        handle: (request, call) =>
          fetchBundles(context, request, call, () =>
            x509BundlesResponse.encode({ crl: [], bundles: x509Bundles(context) }),
          ),
      },
      FetchJWTSVID: { kind: 'unary', handle: (request, call) => fetchJwtSvid(context, request, call) },
      FetchJWTBundles: {
        kind: 'serverStream',
        handle: (request, call) =>
          fetchBundles(context, request, call, () =>
            jwtBundlesResponse.encode({ bundles: jwtBundles(context) }),
          ),
      },
      ValidateJWTSVID: { kind: 'unary', handle: (request, call) => validateJwtSvid(context, request, call) },
    },
  };
}

/** The entries that a process is entitled to: never one about a component, nor one whose SVIDs are kept elsewhere. */
export function processEntries(
  { entries }: Pick<ServiceContext, 'entries'>,
  selectors: ReadonlySet<string>,
): readonly StoredEntry[] {
  return entries.match(selectors).filter((entry) => !isComponentEntry(entry) && !entry.store_svid);
}

async function* fetchX509Svid(
  context: ServiceContext,
  request: Uint8Array,
  call: GrpcCall,
): AsyncGenerator<Uint8Array, void, undefined> {
  emptyMessage.decode(request);
  let current: Entrance;
  const held = holdSvids(context, () => current);
  const bundle = bundleState(context, () => Buffer.concat(context.ca.x509Authorities()));
  let sentBundle: Uint8Array = Buffer.alloc(0);
  try {
    yield* openStream(context, call, (entrance) => {
      current = entrance;
      const entries = entitled(context, entrance, held.all.length > 0);
      const isChanged = held.update(context.entries.withUniqueHints(entries));
      const newBundle = bundle();
      sentBundle = newBundle ?? sentBundle;
      const message =
        isChanged || newBundle !== undefined
          ? x509SvidResponse.encode({
              svids: held.all.map(({ svid, entry }) => ({
                spiffeId: svid.spiffeId,
                x509Svid: svid.certificate,
                x509SvidKey: svid.privateKey,
                bundle: sentBundle,
                hint: entry.hint,
              })),
              crl: [],
              federatedBundles: new Map(),
            })
          : undefined;
      return { message, dueAt: held.dueAt };
    });
  } finally {
    held.wipe();
  }
}

async function* fetchBundles(
  context: ServiceContext,
  request: Uint8Array,
  call: GrpcCall,
  encode: () => Uint8Array,
): AsyncGenerator<Uint8Array, void, undefined> {
  emptyMessage.decode(request);
  const bundle = bundleState(context, encode);
  let isOpen = false;
  yield* openStream(context, call, (entrance) => {
    const entries = entitled(context, entrance, isOpen);
    if (!isOpen)
      context.journal.allow({ ...entrance, reason: 'caller has an identity', details: { kind: 'bundle' } });
    isOpen = true;
    return { message: bundle(), dueAt: firstExpiry(entries) };
  });
}

async function fetchJwtSvid(context: ServiceContext, bytes: Uint8Array, call: GrpcCall): Promise<Uint8Array> {
  const { audience, spiffeId } = jwtSvidRequest.decode(bytes);
  assertAudience(audience);
  const wanted = spiffeId === '' ? undefined : parseWanted(spiffeId);
  const entrance = await context.gate.enter(call);
  const matches = processEntries(context, entrance.caller.selectors).filter(
    (entry) => wanted === undefined || entry.spiffe_id === wanted,
  );
  if (matches.length === 0) {
    deny(
      context,
      entrance,
      wanted === undefined ? 'no entry matches' : 'no entry matches for the wanted SPIFFE ID',
      {
        ...(wanted === undefined ? {} : { wanted }),
        audience: [...audience],
      },
    );
    throw noIdentity();
  }
  const svids = context.entries.withUniqueHints(matches).map((entry) => {
    const { token, spiffeId: id } = issueJwtSvid(context, entrance, entry, audience);
    return { spiffeId: id, svid: token, hint: entry.hint };
  });
  return jwtSvidResponse.encode({ svids });
}

async function validateJwtSvid(
  context: ServiceContext,
  bytes: Uint8Array,
  call: GrpcCall,
): Promise<Uint8Array> {
  const { audience, svid } = validateJwtSvidRequest.decode(bytes);
  if (audience === '') throw invalid('audience must be specified');
  if (svid === '') throw invalid('svid must be specified');
  const entrance = await context.gate.enter(call);
  let verified: VerifiedJwtSvid;
  try {
    verified = verifyJwtSvid(svid, { bundles: context.ca, audience, now: context.clock.now() });
  } catch (error) {
    const { code } = error as { code?: unknown };
    deny(context, entrance, 'token is not valid', { code: typeof code === 'string' ? code : 'unknown' });
    throw invalid('token is not valid');
  }
  const spiffeId = verified.id.toString();
  context.journal.allow({
    ...entrance,
    spiffeId,
    reason: 'token is valid',
    details: { kind: 'validation', tokenId: verified.jti ?? null },
  });
  return validateJwtSvidResponse.encode({
    spiffeId,
    claims: { ...verified.claims, aud: [...verified.audience] },
  });
}

function entitled(context: ServiceContext, entrance: Entrance, hadIdentity: boolean): readonly StoredEntry[] {
  const entries = processEntries(context, entrance.caller.selectors);
  if (entries.length > 0) return entries;
  deny(context, entrance, hadIdentity ? 'identity withdrawn' : 'no entry matches');
  throw noIdentity();
}

function firstExpiry(entries: readonly StoredEntry[]): number | undefined {
  const expiries = entries.filter((entry) => entry.expires_at !== 0).map((entry) => entry.expires_at * 1000);
  return expiries.length === 0 ? undefined : Math.min(...expiries);
}

function parseWanted(spiffeId: string): string {
  try {
    return SpiffeId.parse(spiffeId).toString();
  } catch {
    throw invalid('invalid requested SPIFFE ID');
  }
}

function deny(
  { journal }: ServiceContext,
  entrance: Entrance,
  reason: string,
  details: Record<string, string | string[]> = {},
): void {
  journal.deny({ ...entrance, reason, details });
}

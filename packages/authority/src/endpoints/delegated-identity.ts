import { SpiffeId } from '@muster/spiffe';
import {
  emptyMessage,
  fetchJwtSvidsRequest,
  fetchJwtSvidsResponse,
  GRPC_STATUS,
  GrpcStatusError,
  subscribeToJwtBundlesResponse,
  subscribeToX509BundlesResponse,
  subscribeToX509SvidsRequest,
  subscribeToX509SvidsResponse,
  type GrpcCall,
  type GrpcService,
  type SelectorMessage,
  type SpiffeIdMessage,
} from '@muster/spiffe/wire';
import {
  COMPONENT_SELECTOR_KINDS,
  componentFacts,
  isServableComponentEntry,
} from '../entries/component-entry.ts';
import { ENTRY_LIMITS, parseSelector } from '../entries/parse-entry.ts';
import type { Selector, StoredEntry } from '../entries/registration-entry.ts';
import { selectorKeys } from '../entries/selector.ts';
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
import { processEntries } from './workload-api.ts';

export interface DelegatedIdentityContext extends ServiceContext {
  /** SPIFFE IDs that may ask on behalf of components. */
  readonly authorizedDelegates: ReadonlySet<string>;
}

/**
 * SPIRE's Delegated Identity API, narrowed: a delegate gets identities only of components that an entry binds to
 * the delegate's own SPIFFE ID by `wasm:host-id`.
 */
export function delegatedIdentity(context: DelegatedIdentityContext): GrpcService {
  return {
    methods: {
      SubscribeToX509SVIDs: {
        kind: 'serverStream',
        handle: (request, call) => subscribeToX509Svids(context, request, call),
      },
      SubscribeToX509Bundles: {
        kind: 'serverStream',
        handle: (request, call) =>
          subscribeToBundles(context, request, call, () =>
            subscribeToX509BundlesResponse.encode({ caCertificates: x509Bundles(context) }),
          ),
      },
      FetchJWTSVIDs: { kind: 'unary', handle: (request, call) => fetchJwtSvids(context, request, call) },
      SubscribeToJWTBundles: {
        kind: 'serverStream',
        handle: (request, call) =>
          subscribeToBundles(context, request, call, () =>
            subscribeToJwtBundlesResponse.encode({ bundles: jwtBundles(context) }),
          ),
      },
    },
  };
}

async function* subscribeToX509Svids(
  context: DelegatedIdentityContext,
  bytes: Uint8Array,
  call: GrpcCall,
): AsyncGenerator<Uint8Array, void, undefined> {
  const selectors = readWorkload(subscribeToX509SvidsRequest.decode(bytes));
  let current: Entrance;
  const held = holdSvids(context, () => current);
  let isFirst = true;
  try {
    yield* openStream(context, call, (entrance) => {
      current = entrance;
      const delegates = authorize(context, entrance);
      const entries = componentEntries(context, delegates, selectors);
      if (entries.length === 0 && (isFirst || held.all.length > 0)) {
        denyComponent(
          context,
          entrance,
          isFirst ? 'no entry matches the component' : 'identity withdrawn',
          selectors,
        );
      }
      const isChanged = held.update(entries) || isFirst;
      isFirst = false;
      const message = isChanged
        ? subscribeToX509SvidsResponse.encode({
            x509Svids: held.all.map(({ svid, entry }) => ({
              x509Svid: {
                certChain: [svid.certificate],
                id: idMessage(svid.spiffeId),
                expiresAt: svid.expiresAt / 1000,
                hint: entry.hint,
              },
              x509SvidKey: svid.privateKey,
            })),
            federatesWith: [],
          })
        : undefined;
      return { message, dueAt: held.dueAt };
    });
  } finally {
    held.wipe();
  }
}

async function* subscribeToBundles(
  context: DelegatedIdentityContext,
  request: Uint8Array,
  call: GrpcCall,
  encode: () => Uint8Array,
): AsyncGenerator<Uint8Array, void, undefined> {
  emptyMessage.decode(request);
  const bundle = bundleState(context, encode);
  let isFirst = true;
  yield* openStream(context, call, (entrance) => {
    authorize(context, entrance);
    if (isFirst)
      context.journal.allow({ ...entrance, reason: 'caller is a delegate', details: { kind: 'bundle' } });
    isFirst = false;
    return { message: bundle(), dueAt: undefined };
  });
}

async function fetchJwtSvids(
  context: DelegatedIdentityContext,
  bytes: Uint8Array,
  call: GrpcCall,
): Promise<Uint8Array> {
  const request = fetchJwtSvidsRequest.decode(bytes);
  assertAudience(request.audience);
  const selectors = readWorkload(request);
  const entrance = await context.gate.enter(call);
  const delegates = authorize(context, entrance);
  const entries = componentEntries(context, delegates, selectors);
  if (entries.length === 0) {
    denyComponent(context, entrance, 'no entry matches the component', selectors);
    throw noIdentity();
  }
  const svids = entries.map((entry) => {
    const delegate = componentFacts(entry.selectors, 'host-id').join();
    const svid = issueJwtSvid(context, entrance, entry, request.audience, { delegate });
    return {
      token: svid.token,
      id: idMessage(svid.spiffeId),
      expiresAt: svid.expiresAt / 1000,
      issuedAt: svid.issuedAt / 1000,
      hint: entry.hint,
    };
  });
  return fetchJwtSvidsResponse.encode({ svids });
}

/**
 * The selectors of a request. A workload named by pid is legal but has no component selectors, so nothing matches it.
 * A fact that is stated twice would describe two components at once and is refused.
 */
function readWorkload({
  selectors,
  pid,
}: {
  selectors: readonly SelectorMessage[];
  pid: number;
}): readonly Selector[] {
  if (selectors.length > 0 === (pid !== 0)) throw invalid('must provide either selectors or non-zero PID');
  if (selectors.length > ENTRY_LIMITS.selectors) throw invalid('too many selectors');
  let parsed: readonly Selector[];
  try {
    parsed = selectors.map((selector) => parseSelector({ type: selector.type, value: selector.value }));
  } catch {
    throw invalid('invalid selector');
  }
  for (const kind of COMPONENT_SELECTOR_KINDS) {
    if (componentFacts(parsed, kind).length > 1)
      throw invalid(`selector wasm:${kind} is given more than once`);
  }
  return parsed;
}

/** The delegate identities of the caller. Throws PERMISSION_DENIED when it has none. */
function authorize(context: DelegatedIdentityContext, entrance: Entrance): ReadonlySet<string> {
  const own = processEntries(context, entrance.caller.selectors).map((entry) => entry.spiffe_id);
  const delegates = new Set(own.filter((id) => context.authorizedDelegates.has(id)));
  if (delegates.size > 0) return delegates;
  context.journal.deny({ ...entrance, reason: 'caller is no authorized delegate' });
  throw new GrpcStatusError(GRPC_STATUS.PERMISSION_DENIED, 'caller not configured as an authorized delegate');
}

function componentEntries(
  { entries }: DelegatedIdentityContext,
  delegates: ReadonlySet<string>,
  selectors: readonly Selector[],
): readonly StoredEntry[] {
  const [hostId] = componentFacts(selectors, 'host-id');
  if (hostId === undefined || !delegates.has(hostId)) return [];
  return entries.match(selectorKeys(selectors)).filter(isServableComponentEntry);
}

function denyComponent(
  { journal }: DelegatedIdentityContext,
  entrance: Entrance,
  reason: string,
  selectors: readonly Selector[],
): void {
  // Only the facts that entries are about: other selectors could hold anything.
  const component = Object.fromEntries(
    COMPONENT_SELECTOR_KINDS.flatMap((kind) => componentFacts(selectors, kind).map((value) => [kind, value])),
  );
  journal.deny({ ...entrance, reason, details: { component } });
}

function idMessage(spiffeId: string): SpiffeIdMessage {
  const { trustDomain, path } = SpiffeId.parse(spiffeId);
  return { trustDomain: trustDomain.name, path };
}

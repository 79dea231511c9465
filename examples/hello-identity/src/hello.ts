import { get as getConfig } from 'wasi:config/store@0.2.0-rc.1';
import {
  Fields,
  OutgoingBody,
  OutgoingResponse,
  ResponseOutparam,
  type IncomingRequest,
} from 'wasi:http/types@0.2.12';
import { get as getIdentity } from 'wasmcloud:identity/store@0.0.1';

interface Answer {
  status: number;
  type: 'text/plain; charset=utf-8' | 'application/json';
  body: string;
}

const AUDIENCE = 'spiffe://muster.internal/example';
const encoder = new TextEncoder();

/** The exported `wasi:http/incoming-handler`: one instance answers many requests. */
export const incomingHandler = {
  handle(request: IncomingRequest, outparam: ResponseOutparam): void {
    const target = request.pathWithQuery() ?? '/';
    request[Symbol.dispose]();
    respond(outparam, answer(target));
  },
};

function answer(target: string): Answer {
  const path = target.split('?', 1)[0];
  if (path === '/') return greet();
  if (path === '/whoami') return whoami();
  return text(404, 'Nothing here. Try / or /whoami.\n');
}

function greet(): Answer {
  const greeting = getConfig('greeting') ?? 'Hello from a WebAssembly component';
  return text(200, `${greeting}. Ask /whoami who I am.\n`);
}

/** Tells what the component's own JWT-SVID says. The JWT-SVID itself proves the identity to others and stays here. */
function whoami(): Answer {
  const audience = getConfig('audience') ?? AUDIENCE;
  let svid: string | undefined;
  try {
    svid = getIdentity(audience);
  } catch {
    return text(503, 'My identity cannot be had at the moment.\n');
  }
  if (svid === undefined) return text(404, 'I have no identity here.\n');
  const claims = readClaims(svid);
  const body = {
    spiffeId: claims.sub,
    audience: [claims.aud].flat(),
    expiresAt: new Date(claims.exp * 1000).toISOString(),
    jti: claims.jti ?? null,
  };
  return { status: 200, type: 'application/json', body: `${JSON.stringify(body)}\n` };
}

interface Claims {
  sub: string;
  aud: string | string[];
  exp: number;
  jti?: string;
}

/** The payload, unverified: it came from the host, and nothing is decided by it. */
function readClaims(svid: string): Claims {
  const payload = (svid.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/');
  const bytes = Uint8Array.from(atob(payload), (character) => character.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes)) as Claims;
}

function text(status: number, body: string): Answer {
  return { status, type: 'text/plain; charset=utf-8', body };
}

function respond(outparam: ResponseOutparam, { status, type, body }: Answer): void {
  const response = new OutgoingResponse(Fields.fromList([['content-type', encoder.encode(type)]]));
  response.setStatusCode(status);
  const outgoing = response.body();
  ResponseOutparam.set(outparam, { tag: 'ok', val: response });
  const stream = outgoing.write();
  stream.blockingWriteAndFlush(encoder.encode(body));
  stream[Symbol.dispose]();
  OutgoingBody.finish(outgoing, undefined);
}

import type { ImportInterface } from '../link/component.ts';
import { FutureTrailers, IncomingBody, OutgoingBody } from './http-body.ts';
import { Fields } from './http-fields.ts';
import { IncomingRequest, OutgoingRequest, RequestOptions } from './http-request.ts';
import { OutgoingResponse, ResponseOutparam } from './http-response.ts';
import { inertClass, refusing } from './inert.ts';
import { IoError } from './io-error.ts';
import type { WaitScope } from './wait.ts';

/** `wasi:http/types` (WASI 0.2) for one instance. */
export function httpTypes(scope: WaitScope): ImportInterface {
  return {
    Fields,
    IncomingRequest,
    IncomingBody,
    FutureTrailers,
    OutgoingBody,
    RequestOptions,
    ResponseOutparam,
    OutgoingRequest: class extends OutgoingRequest {
      constructor(headers: Fields) {
        super(headers, scope);
      }
    },
    OutgoingResponse: class extends OutgoingResponse {
      constructor(headers: Fields) {
        super(headers, scope);
      }
    },
    // Answers of other servers: the outgoing handler refuses, so no guest ever holds one.
    IncomingResponse: inertClass(['status', 'headers', 'consume'], undefined),
    FutureIncomingResponse: inertClass(['subscribe', 'get'], undefined),
    httpErrorCode: (error: IoError) => IoError.httpCodeOf(error),
  };
}

/** `wasi:http/outgoing-handler`: refuses every request. */
export const outgoingHandler: ImportInterface = { handle: refusing({ tag: 'HTTP-request-denied' }) };

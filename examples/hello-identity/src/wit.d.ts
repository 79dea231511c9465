// The imported WIT interfaces as TypeScript sees them, no more of them than this component uses.
declare module 'wasi:http/types@0.2.12' {
  export class Fields {
    static fromList(entries: [name: string, value: Uint8Array][]): Fields;
  }
  export class IncomingRequest {
    pathWithQuery(): string | undefined;
    [Symbol.dispose](): void;
  }
  export class OutgoingResponse {
    constructor(headers: Fields);
    setStatusCode(status: number): void;
    body(): OutgoingBody;
  }
  export class OutgoingBody {
    write(): OutputStream;
    static finish(body: OutgoingBody, trailers: Fields | undefined): void;
  }
  export class OutputStream {
    blockingWriteAndFlush(bytes: Uint8Array): void;
    [Symbol.dispose](): void;
  }
  export class ResponseOutparam {
    static set(outparam: ResponseOutparam, response: { tag: 'ok'; val: OutgoingResponse }): void;
  }
}

declare module 'wasi:config/store@0.2.0-rc.1' {
  export function get(key: string): string | undefined;
}

declare module 'wasmcloud:identity/store@0.0.1' {
  /** A JWT-SVID of this component for the audience; undefined where it has no identity. */
  export function get(audience: string): string | undefined;
}

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import {
  createGrpcServer,
  GRPC_STATUS,
  GrpcStatusError,
  jwtSvidRequest,
  jwtSvidResponse,
  validateJwtSvidRequest,
  validateJwtSvidResponse,
  WORKLOAD_API_HEADER,
  WORKLOAD_API_SERVICE,
} from '@muster/spiffe/wire';
import type {
  GrpcCall,
  GrpcServer,
  GrpcStatusCode,
  JwtSvidRequest,
  JwtSvidResponse,
  ValidateJwtSvidRequest,
  ValidateJwtSvidResponse,
} from '@muster/spiffe/wire';

/** The streams whose state a test sets. */
export type FakeStream = 'FetchX509SVID' | 'FetchX509Bundles' | 'FetchJWTBundles';

/** A Workload API on a unix socket in a folder of its own, that answers what a test tells it to. */
export interface FakeWorkloadApi extends AsyncDisposable {
  readonly address: string;
  readonly socketPath: string;
  /** Names of the methods called, in order. */
  readonly calls: readonly string[];
  /** Sends a message to all open streams of the method, and to later ones first. Bytes are sent as they are. */
  send(method: FakeStream, message: Uint8Array): void;
  /** Ends all open streams of the method with a status, and later ones at once. */
  refuse(method: FakeStream, status: GrpcStatusCode): void;
  /** What FetchJWTSVID answers. May throw GrpcStatusError. */
  onFetchJwtSvid(answer: (request: JwtSvidRequest) => JwtSvidResponse | Promise<JwtSvidResponse>): void;
  /** What ValidateJWTSVID answers. May throw GrpcStatusError. */
  onValidateJwtSvid(answer: (request: ValidateJwtSvidRequest) => ValidateJwtSvidResponse): void;
  /** Takes the socket away and ends all connections, and brings it back. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts one. Until told otherwise it denies every call. */
export async function startFakeWorkloadApi(): Promise<FakeWorkloadApi> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-workload-api-'));
  const socketPath = join(folder, 'api.sock');
  const states = new Map<FakeStream, StreamState>(
    (['FetchX509SVID', 'FetchX509Bundles', 'FetchJWTBundles'] as const).map((method) => [
      method,
      new StreamState(),
    ]),
  );
  const calls: string[] = [];
  let fetchJwtSvid: (request: JwtSvidRequest) => JwtSvidResponse | Promise<JwtSvidResponse> = deny;
  let validateJwtSvid: (request: ValidateJwtSvidRequest) => ValidateJwtSvidResponse = deny;

  function streamMethod(method: FakeStream): {
    kind: 'serverStream';
    handle(request: Uint8Array, call: GrpcCall): AsyncIterable<Uint8Array>;
  } {
    return {
      kind: 'serverStream',
      handle(_request, call) {
        calls.push(method);
        return states.get(method)!.follow(call.signal);
      },
    };
  }

  function createServer(): GrpcServer {
    return createGrpcServer({
      services: {
        [WORKLOAD_API_SERVICE]: {
          securityHeader: WORKLOAD_API_HEADER,
          methods: {
            FetchX509SVID: streamMethod('FetchX509SVID'),
            FetchX509Bundles: streamMethod('FetchX509Bundles'),
            FetchJWTBundles: streamMethod('FetchJWTBundles'),
            FetchJWTSVID: {
              kind: 'unary',
              async handle(request) {
                calls.push('FetchJWTSVID');
                return jwtSvidResponse.encode(await fetchJwtSvid(jwtSvidRequest.decode(request)));
              },
            },
            ValidateJWTSVID: {
              kind: 'unary',
              handle(request) {
                calls.push('ValidateJWTSVID');
                return validateJwtSvidResponse.encode(
                  validateJwtSvid(validateJwtSvidRequest.decode(request)),
                );
              },
            },
          },
        },
      },
    });
  }

  let server: GrpcServer | undefined = createServer();
  await server.listen(socketPath);

  async function pause(): Promise<void> {
    await server?.close();
    server = undefined;
  }

  async function stop(): Promise<void> {
    await pause();
    await rm(folder, { recursive: true, force: true });
  }

  return {
    address: `unix://${socketPath}`,
    socketPath,
    calls,
    send: (method, message) => {
      states.get(method)!.set({ message });
    },
    refuse: (method, status) => {
      states.get(method)!.set({ status });
    },
    onFetchJwtSvid: (answer) => {
      fetchJwtSvid = answer;
    },
    onValidateJwtSvid: (answer) => {
      validateJwtSvid = answer;
    },
    pause,
    async resume() {
      server = createServer();
      await server.listen(socketPath);
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function deny(): never {
  throw new GrpcStatusError(GRPC_STATUS.PERMISSION_DENIED, 'no identity issued');
}

type StreamEvent = { readonly message: Uint8Array } | { readonly status: GrpcStatusCode };

class StreamState {
  #current: StreamEvent = { status: GRPC_STATUS.PERMISSION_DENIED };
  readonly #queues = new Set<StreamQueue>();

  set(event: StreamEvent): void {
    this.#current = event;
    for (const queue of this.#queues) {
      queue.push(event);
    }
  }

  async *follow(signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    const queue = new StreamQueue(this.#current);
    this.#queues.add(queue);
    const wake = (): void => {
      queue.wake();
    };
    signal.addEventListener('abort', wake);
    try {
      while (!signal.aborted) {
        const event = queue.shift();
        if (event === undefined) {
          await queue.untilWoken();
        } else if ('status' in event) {
          throw new GrpcStatusError(event.status, 'refused by the test');
        } else {
          yield event.message;
        }
      }
    } finally {
      this.#queues.delete(queue);
      signal.removeEventListener('abort', wake);
    }
  }
}

class StreamQueue {
  readonly #events: StreamEvent[];
  #wake: () => void = () => {};

  constructor(first: StreamEvent) {
    this.#events = [first];
  }

  push(event: StreamEvent): void {
    this.#events.push(event);
    this.wake();
  }

  shift(): StreamEvent | undefined {
    return this.#events.shift();
  }

  wake(): void {
    this.#wake();
  }

  async untilWoken(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }
}

import { Trap, type ComponentErrorCode } from '../errors.ts';
import { IncomingBytes, type OutgoingBytes, bodyWindowBytes } from '../wasi/http-body.ts';
import { describeErrorCode } from '../wasi/http-error-code.ts';
import { Fields } from '../wasi/http-fields.ts';
import { IncomingRequest } from '../wasi/http-request.ts';
import {
  OutgoingResponse,
  ResponseOutparam,
  type GuestAnswer,
  type ResponseParts,
} from '../wasi/http-response.ts';
import { latin1Of } from '../wasi/latin1.ts';
import { IoError } from '../wasi/io-error.ts';
import { emptySource, type ByteSource } from '../wasi/io-streams.ts';
import type { WaitScope } from '../wasi/wait.ts';
import { detachable } from './channel.ts';
import { bodyKind, responsePhase, toMain, type CallMessage, type ToMain } from './protocol.ts';

/** What an exchange needs of its worker. */
export interface ExchangeHost {
  send(message: ToMain, bytes?: Uint8Array): void;
  /** Asks for `flushTurn` at the end of this event-loop turn. */
  flushLater(exchange: Exchange): void;
  readonly bodyBytes: number;
}

const sendFromBytes = 65_536;
const sendFromWrites = 256;
const textUpToBytes = 2048;

/** One call: the request that the guest reads and the response that it writes. */
export class Exchange {
  readonly id: number;
  readonly request: IncomingRequest;
  readonly outparam: ResponseOutparam;
  readonly #host: ExchangeHost;
  readonly #incoming: IncomingBytes | undefined;
  #answer: GuestAnswer | undefined;
  #parts: ResponseParts | undefined;
  #outgoing: OutgoingBytes | undefined;
  #writes = 0;
  #isHeadSent = false;
  #isEndSent = false;

  constructor(call: CallMessage, scope: WaitScope, host: ExchangeHost) {
    const [, id, method, scheme, authority, pathWithQuery, headers, kind, bytes] = call;
    this.id = id;
    this.#host = host;
    let body: ByteSource = emptySource;
    if (kind !== bodyKind.none) {
      this.#incoming = new IncomingBytes((read) => {
        if (kind === bodyKind.streamed) host.send([toMain.credit, id, read]);
      });
      if (bytes !== undefined) {
        this.#incoming.push(bytes);
        this.#incoming.end();
      } else {
        host.send([toMain.credit, id, bodyWindowBytes]);
      }
      body = this.#incoming;
    }
    this.request = new IncomingRequest({ method, scheme, authority, pathWithQuery, headers, body }, scope);
    this.outparam = new ResponseOutparam((answer) => this.#onAnswer(answer));
  }

  receive(bytes: Uint8Array): void {
    this.#incoming?.push(bytes);
  }

  receiveEnd(failure: 'size' | 'aborted' | undefined): void {
    if (failure === undefined) return this.#incoming?.end();
    this.#incoming?.end(
      failure === 'size'
        ? new IoError('the request body is too large', { tag: 'HTTP-request-body-size', val: undefined })
        : new IoError('the request ended too early', { tag: 'connection-terminated' }),
    );
  }

  /** The reader of the response took so many bytes; -1 when it is gone. */
  credit(bytes: number): void {
    if (bytes >= 0) this.#outgoing?.credit(bytes);
    else this.#outgoing?.fail(new IoError('nobody reads the response', { tag: 'connection-terminated' }));
  }

  #onAnswer(answer: GuestAnswer): void {
    this.#answer = answer;
    if (answer.tag === 'ok') {
      this.#parts = OutgoingResponse.partsOf(answer.val);
      this.#outgoing = this.#parts.body;
      this.#outgoing?.watch(() => this.#onBodyChange());
    }
    this.#host.flushLater(this);
  }

  #onBodyChange(): void {
    const body = this.#outgoing;
    if (body === undefined) return;
    if (body.total > this.#host.bodyBytes) {
      throw new Trap(
        'ERR_COMPONENT_BODY_SIZE',
        `The response body is larger than the allowed ${this.#host.bodyBytes} bytes`,
      );
    }
    this.#writes += 1;
    if (body.unsent >= sendFromBytes || this.#writes >= sendFromWrites) this.#sendPending();
    else this.#host.flushLater(this);
  }

  /** Sends what has come together while the guest goes on. */
  flushTurn(): void {
    if (this.#answer?.tag === 'ok') this.#sendPending();
  }

  #sendPending(): void {
    const body = this.#outgoing;
    if (this.#isEndSent || body?.state === 'dropped') return;
    this.#writes = 0;
    const isWhole = body === undefined || body.state === 'finished';
    if (this.#isHeadSent) {
      this.#sendChunk(body);
      if (isWhole) this.#host.send([toMain.end, this.id]);
    } else {
      this.#sendHead(isWhole ? responsePhase.whole : responsePhase.streaming);
    }
    this.#isEndSent = isWhole;
  }

  #sendChunk(body: OutgoingBytes | undefined): void {
    const bytes = body?.take();
    if (bytes === undefined) return;
    const ready = detachable(bytes, true);
    this.#host.send([toMain.chunk, this.id, ready], ready);
  }

  #sendHead(phase: number): void {
    const parts = this.#parts;
    if (parts === undefined) return;
    this.#isHeadSent = true;
    const bytes = this.#outgoing?.take();
    const headers = Fields.toWire(parts.headers);
    if (bytes === undefined || bytes.length <= textUpToBytes) {
      const text = bytes === undefined ? undefined : latin1Of(bytes);
      this.#host.send([toMain.response, this.id, phase, parts.status, headers, text]);
      return;
    }
    const ready = detachable(bytes, true);
    this.#host.send([toMain.response, this.id, phase, parts.status, headers, ready], ready);
  }

  /** The guest has set no response yet. */
  get isUnanswered(): boolean {
    return this.#answer === undefined;
  }

  /** The guest has returned. */
  complete(): void {
    const problem = this.#problem();
    if (problem !== undefined) return this.fail(problem[0], problem[1]);
    if (!this.#isHeadSent) {
      this.#isEndSent = true;
      return this.#sendHead(responsePhase.done);
    }
    this.#sendPending();
    this.#host.send([toMain.done, this.id]);
  }

  #problem(): [ComponentErrorCode, string] | undefined {
    const answer = this.#answer;
    if (answer === undefined)
      return ['ERR_COMPONENT_NO_RESPONSE', 'The component returned without a response'];
    if (answer.tag === 'err') {
      const code = describeErrorCode(answer.val);
      return ['ERR_COMPONENT_RESPONSE', `The component answered with the error code ${JSON.stringify(code)}`];
    }
    if (this.#outgoing !== undefined && this.#outgoing.state !== 'finished')
      return ['ERR_COMPONENT_NO_RESPONSE', 'The component returned without finishing its response body'];
    return undefined;
  }

  /** The call ended otherwise. A response that was complete by then is still delivered. */
  fail(code: ComponentErrorCode, message: string): void {
    if (this.#problem() === undefined) {
      this.#sendPending();
      this.#host.send([toMain.done, this.id]);
      return;
    }
    this.#isEndSent = true;
    this.#outgoing?.fail(new IoError('the call has ended'));
    this.#host.send([toMain.failed, this.id, code, message]);
  }
}

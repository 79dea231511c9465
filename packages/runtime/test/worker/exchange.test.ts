import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OutgoingBody } from '../../src/wasi/http-body.ts';
import { Fields } from '../../src/wasi/http-fields.ts';
import { OutgoingResponse, ResponseOutparam } from '../../src/wasi/http-response.ts';
import type { OutputStream } from '../../src/wasi/io-streams.ts';
import { WaitScope } from '../../src/wasi/wait.ts';
import { Exchange } from '../../src/worker/exchange.ts';
import {
  bodyKind,
  responsePhase,
  toMain,
  toWorker,
  type CallMessage,
  type ToMain,
} from '../../src/worker/protocol.ts';
import { bytes, isTrap, payloadOf, text } from '../wasi/support.ts';

const scope = new WaitScope();

interface Setup {
  exchange: Exchange;
  sent: ToMain[];
  /** Answers with status 200 and gives the body and its stream. */
  answer(): { body: OutgoingBody; stream: OutputStream };
}

function setup(kind: number = bodyKind.none, body?: Uint8Array, bodyBytes = 1e9): Setup {
  const sent: ToMain[] = [];
  const call: CallMessage = [toWorker.call, 7, 'POST', 'http', 'h', '/', ['x-a', '1'], kind, body];
  const host = { send: (message: ToMain) => sent.push(message), flushLater: () => {}, bodyBytes };
  const exchange = new Exchange(call, scope, host);
  return {
    exchange,
    sent,
    answer() {
      const fields = new Fields();
      fields.append('x-b', bytes('2'));
      const response = new OutgoingResponse(fields, scope);
      const body = response.body();
      ResponseOutparam.set(exchange.outparam, { tag: 'ok', val: response });
      return { body, stream: body.write() };
    },
  };
}

const kinds = (sent: readonly ToMain[]): number[] => sent.map((message) => message[0]);

test('a response finished within the call is one message', () => {
  const { exchange, sent, answer } = setup();
  const { body, stream } = answer();
  void stream.blockingWriteAndFlush(bytes('hel'));
  void stream.blockingWriteAndFlush(bytes('lo'));
  OutgoingBody.finish(body, undefined);
  exchange.complete();
  assert.equal(sent.length, 1);
  const [kind, id, phase, status, headers, content] = sent[0] as Extract<
    ToMain,
    readonly [typeof toMain.response, ...unknown[]]
  >;
  assert.deepEqual(
    [kind, id, phase, status, headers],
    [toMain.response, 7, responsePhase.done, 200, ['x-b', '2']],
  );
  assert.equal(content, 'hello');
});

test('what is written before the end of a turn goes ahead', () => {
  const { exchange, sent, answer } = setup();
  const { body, stream } = answer();
  void stream.blockingWriteAndFlush(bytes('a'));
  exchange.flushTurn();
  void stream.blockingWriteAndFlush(bytes('b'));
  exchange.flushTurn();
  OutgoingBody.finish(body, undefined);
  exchange.complete();
  assert.deepEqual(kinds(sent), [toMain.response, toMain.chunk, toMain.end, toMain.done]);
  assert.equal(sent[0]![2], responsePhase.streaming);
});

test('a complete response may go before the guest returns', () => {
  const { exchange, sent, answer } = setup();
  OutgoingBody.finish(answer().body, undefined);
  exchange.flushTurn();
  assert.equal(sent[0]![2], responsePhase.whole);
  exchange.complete();
  assert.deepEqual(kinds(sent), [toMain.response, toMain.done]);
});

test('a large body does not wait for the end of the turn', () => {
  const { sent, answer } = setup();
  const { stream } = answer();
  for (let count = 0; count < 20; count += 1) void stream.blockingWriteAndFlush(new Uint8Array(4096));
  assert.deepEqual(kinds(sent), [toMain.response]);
});

test('a guest that returns without a response, or without the end of its body, fails', () => {
  const none = setup();
  none.exchange.complete();
  assert.deepEqual(none.sent[0]!.slice(0, 3), [toMain.failed, 7, 'ERR_COMPONENT_NO_RESPONSE']);
  const half = setup();
  half.answer();
  half.exchange.complete();
  assert.deepEqual(half.sent[0]!.slice(0, 3), [toMain.failed, 7, 'ERR_COMPONENT_NO_RESPONSE']);
  const dropped = setup();
  dropped.answer().body[Symbol.dispose]();
  dropped.exchange.flushTurn();
  dropped.exchange.complete();
  assert.deepEqual(kinds(dropped.sent), [toMain.failed]);
});

test('an error code as answer is told by name', () => {
  const { exchange, sent } = setup();
  ResponseOutparam.set(exchange.outparam, { tag: 'err', val: { tag: 'internal-error', val: 'a\nb' } });
  exchange.complete();
  assert.equal(sent[0]![2], 'ERR_COMPONENT_RESPONSE');
  assert.match(String(sent[0]![3]), /internal-error: a\\nb/);
});

test('a trap after a complete response does not take it away', () => {
  const { exchange, sent, answer } = setup();
  OutgoingBody.finish(answer().body, undefined);
  exchange.fail('ERR_TRAP_GUEST', 'unreachable');
  assert.deepEqual(kinds(sent), [toMain.response, toMain.done]);
});

test('a body with the call is read without a message', () => {
  const { exchange, sent } = setup(bodyKind.whole, bytes('body'));
  const stream = exchange.request.consume().stream();
  assert.equal(text(stream.read(100n)), 'body');
  assert.deepEqual(
    payloadOf(() => stream.read(1n)),
    { tag: 'closed' },
  );
  assert.deepEqual(sent, []);
});

test('a streamed body is asked for, and its reading told', () => {
  const { exchange, sent } = setup(bodyKind.streamed);
  assert.deepEqual(kinds(sent), [toMain.credit]);
  const stream = exchange.request.consume().stream();
  exchange.receive(bytes('abc'));
  stream.read(3n);
  assert.deepEqual(sent[1], [toMain.credit, 7, 3]);
  exchange.receiveEnd('size');
  assert.equal((payloadOf(() => stream.read(1n)) as { tag: string }).tag, 'last-operation-failed');
});

test('dropping an unread request says so', () => {
  const { exchange, sent } = setup(bodyKind.streamed);
  exchange.request[Symbol.dispose]();
  assert.deepEqual(sent.at(-1), [toMain.credit, 7, -1]);
});

test('a response body over the limit traps', () => {
  const { answer } = setup(bodyKind.none, undefined, 100);
  const { stream } = answer();
  void stream.blockingWriteAndFlush(new Uint8Array(100));
  assert.throws(() => stream.blockingWriteAndFlush(new Uint8Array(1)), isTrap('ERR_COMPONENT_BODY_SIZE'));
});

test('when nobody reads the response, writing fails', () => {
  const { exchange, answer } = setup();
  const { stream } = answer();
  exchange.credit(-1);
  assert.equal((payloadOf(() => stream.checkWrite()) as { tag: string }).tag, 'last-operation-failed');
});

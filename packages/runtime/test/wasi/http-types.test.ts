import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  IncomingBody,
  OutgoingBody,
  OutgoingBytes,
  bodyWindowBytes,
  heldBytes,
} from '../../src/wasi/http-body.ts';
import { describeErrorCode } from '../../src/wasi/http-error-code.ts';
import { Fields } from '../../src/wasi/http-fields.ts';
import {
  IncomingRequest,
  OutgoingRequest,
  RequestOptions,
  maxPartLength,
} from '../../src/wasi/http-request.ts';
import { OutgoingResponse, ResponseOutparam } from '../../src/wasi/http-response.ts';
import { httpTypes, outgoingHandler } from '../../src/wasi/http-types.ts';
import { IoError } from '../../src/wasi/io-error.ts';
import { emptySource } from '../../src/wasi/io-streams.ts';
import { WaitScope } from '../../src/wasi/wait.ts';
import { bytes, callable, isTrap, payloadOf, text } from './support.ts';

const scope = new WaitScope();
const parts = {
  method: 'GET',
  scheme: 'http',
  authority: 'example.org',
  pathWithQuery: '/a?b',
  headers: ['Accept', '*/*'],
  body: emptySource,
};
const response = (headers: Fields = new Fields()): OutgoingResponse => new OutgoingResponse(headers, scope);

function withLength(length: string): Fields {
  const fields = new Fields();
  fields.append('content-length', bytes(length));
  return fields;
}

test('an incoming request shows its parts', () => {
  const request = new IncomingRequest(parts, scope);
  assert.deepEqual(request.method(), { tag: 'get' });
  assert.deepEqual(request.scheme(), { tag: 'HTTP' });
  assert.equal(request.authority(), 'example.org');
  assert.equal(request.pathWithQuery(), '/a?b');
  assert.deepEqual(request.headers().get('accept').map(text), ['*/*']);
  assert.deepEqual(
    payloadOf(() => request.headers().delete('accept')),
    { tag: 'immutable' },
  );
  assert.deepEqual(new IncomingRequest({ ...parts, method: 'BREW' }, scope).method(), {
    tag: 'other',
    val: 'BREW',
  });
  assert.deepEqual(new IncomingRequest({ ...parts, scheme: 'https' }, scope).scheme(), { tag: 'HTTPS' });
});

test('body and stream are given out once', () => {
  const request = new IncomingRequest(parts, scope);
  const body = request.consume();
  assert.equal(
    payloadOf(() => request.consume()),
    undefined,
  );
  body.stream();
  assert.equal(
    payloadOf(() => body.stream()),
    undefined,
  );
  const outgoing = response();
  const out = outgoing.body();
  assert.equal(
    payloadOf(() => outgoing.body()),
    undefined,
  );
  out.write();
  assert.equal(
    payloadOf(() => out.write()),
    undefined,
  );
});

test('trailers of a request are there at once, and once', () => {
  const trailers = IncomingBody.finish(new IncomingBody(emptySource, scope));
  assert.ok(trailers.subscribe().ready());
  assert.deepEqual(trailers.get(), { tag: 'ok', val: { tag: 'ok', val: undefined } });
  assert.deepEqual(trailers.get(), { tag: 'err', val: undefined });
});

test('only final status codes are accepted', () => {
  const outgoing = response();
  assert.equal(outgoing.statusCode(), 200);
  for (const status of [0, 100, 101, 199, 600, 65_535]) {
    assert.equal(
      payloadOf(() => outgoing.setStatusCode(status)),
      undefined,
    );
  }
  outgoing.setStatusCode(404);
  assert.equal(OutgoingResponse.partsOf(outgoing).status, 404);
});

test('the headers of a response can no longer be changed', () => {
  const fields = new Fields();
  const outgoing = response(fields);
  assert.deepEqual(
    payloadOf(() => fields.append('x', bytes('1'))),
    { tag: 'immutable' },
  );
  assert.deepEqual(
    payloadOf(() => outgoing.headers().append('x', bytes('1'))),
    { tag: 'immutable' },
  );
});

test('a body must have the announced length', () => {
  const outgoing = response(withLength('3'));
  const body = outgoing.body();
  const stream = body.write();
  void stream.blockingWriteAndFlush(bytes('ab'));
  assert.deepEqual(
    payloadOf(() => OutgoingBody.finish(body, undefined)),
    { tag: 'HTTP-response-body-size', val: 2n },
  );
  assert.equal(OutgoingResponse.partsOf(outgoing).body?.state, 'dropped');
});

test('a longer body than announced fails in the stream', () => {
  const stream = response(withLength('3')).body().write();
  const error = payloadOf(() => stream.blockingWriteAndFlush(bytes('abcd'))) as { tag: string; val: IoError };
  assert.equal(error.tag, 'last-operation-failed');
  assert.deepEqual(callable(httpTypes(scope))['httpErrorCode']!(error.val), {
    tag: 'HTTP-response-body-size',
    val: 4n,
  });
});

test('an announced length that no server could send gives no body', () => {
  for (const length of ['-1', '1e3', '99999999999999999999', '']) {
    assert.equal(
      payloadOf(() => response(withLength(length)).body()),
      undefined,
    );
  }
  const twice = withLength('1');
  twice.append('content-length', bytes('2'));
  assert.equal(
    payloadOf(() => response(twice).body()),
    undefined,
  );
});

test('a body that is dropped is not finished', () => {
  const dropped = new OutgoingBytes(undefined);
  new OutgoingBody(dropped, scope)[Symbol.dispose]();
  assert.equal(dropped.state, 'dropped');
  const finished = new OutgoingBytes(undefined);
  const body = new OutgoingBody(finished, scope);
  OutgoingBody.finish(body, new Fields());
  body[Symbol.dispose]();
  assert.equal(finished.state, 'finished');
});

function filled(count: number, scope: WaitScope): OutgoingResponse[] {
  return Array.from({ length: count }, () => {
    const outgoing = new OutgoingResponse(new Fields(), scope);
    const stream = outgoing.body().write();
    stream.write(new Uint8Array(Number(stream.checkWrite())));
    return outgoing;
  });
}

test('many responses hold no more than a few may, until they are dropped or sent', () => {
  const scope = new WaitScope();
  const responses = filled(20, scope);
  assert.equal(scope.heldBytes, heldBytes);
  const late = new OutgoingResponse(new Fields(), scope).body().write();
  assert.equal(late.checkWrite(), 0n);
  assert.equal(late.subscribe().ready(), false);
  responses[0]?.[Symbol.dispose]();
  assert.equal(late.checkWrite(), BigInt(bodyWindowBytes));
  for (const each of responses.slice(1)) OutgoingResponse.partsOf(each).body?.take();
  assert.equal(scope.heldBytes, 0);
});

test('permissions to write do not add up over many bodies', () => {
  const scope = new WaitScope();
  const streams = Array.from({ length: 8 }, () => new OutgoingResponse(new Fields(), scope).body().write());
  for (const stream of streams) stream.checkWrite();
  assert.throws(() => {
    for (const stream of streams) stream.write(new Uint8Array(bodyWindowBytes));
  }, isTrap('ERR_TRAP_WASI'));
  assert.ok(scope.heldBytes <= heldBytes + bodyWindowBytes);
});

test('nothing is written behind the end of a body', () => {
  const outgoing = response();
  const body = outgoing.body();
  const stream = body.write();
  stream.checkWrite();
  OutgoingBody.finish(body, undefined);
  assert.equal((payloadOf(() => stream.write(bytes('x'))) as { tag: string }).tag, 'last-operation-failed');
  assert.equal(OutgoingResponse.partsOf(outgoing).body?.take(), undefined);
});

test('the body of an outgoing request is taken and not kept', () => {
  const body = new OutgoingRequest(new Fields(), scope).body();
  const stream = body.write();
  for (let count = 0; count < 3; count += 1) {
    assert.equal(stream.checkWrite(), BigInt(bodyWindowBytes));
    stream.write(new Uint8Array(bodyWindowBytes));
  }
  assert.equal(scope.heldBytes, 0);
  OutgoingBody.finish(body, undefined);
  assert.deepEqual(
    payloadOf(() => stream.checkWrite()),
    { tag: 'closed' },
  );
});

test('an outgoing request keeps no long text', () => {
  const request = new OutgoingRequest(new Fields(), scope);
  const long = 'a'.repeat(maxPartLength + 1);
  for (const set of [
    () => request.setMethod({ tag: 'other', val: long }),
    () => request.setPathWithQuery(long),
    () => request.setScheme({ tag: 'other', val: long }),
    () => request.setAuthority(long),
  ]) {
    assert.equal(payloadOf(set), undefined);
  }
  request.setPathWithQuery(long.slice(1));
});

test('the outparam hands the answer on', () => {
  const answers: unknown[] = [];
  const answer = { tag: 'ok', val: response() } as const;
  ResponseOutparam.set(new ResponseOutparam((given) => answers.push(given)), answer);
  assert.deepEqual(answers, [answer]);
});

test('an outgoing request checks its parts, and no handler sends it', () => {
  const request = new OutgoingRequest(new Fields(), scope);
  request.setMethod({ tag: 'other', val: 'BREW' });
  request.setPathWithQuery('/x?y=1');
  request.setAuthority('[::1]:80');
  request.setScheme({ tag: 'HTTPS' });
  assert.deepEqual(request.method(), { tag: 'other', val: 'BREW' });
  assert.equal(request.pathWithQuery(), '/x?y=1');
  assert.equal(request.authority(), '[::1]:80');
  assert.deepEqual(request.scheme(), { tag: 'HTTPS' });
  assert.equal(
    payloadOf(() => request.setMethod({ tag: 'other', val: 'a b' })),
    undefined,
  );
  assert.equal(
    payloadOf(() => request.setPathWithQuery('/a\r\nb')),
    undefined,
  );
  assert.equal(
    payloadOf(() => request.setAuthority('a b')),
    undefined,
  );
  assert.equal(
    payloadOf(() => request.setScheme({ tag: 'other', val: '1' })),
    undefined,
  );
  assert.ok(request.body() instanceof OutgoingBody);
  assert.equal(
    payloadOf(() => request.body()),
    undefined,
  );
  assert.deepEqual(
    payloadOf(() => callable(outgoingHandler)['handle']!(request)),
    { tag: 'HTTP-request-denied' },
  );
});

test('request options keep their values', () => {
  const options = new RequestOptions();
  options.setConnectTimeout(1n);
  options.setFirstByteTimeout(2n);
  options.setBetweenBytesTimeout(undefined);
  assert.deepEqual(
    [options.connectTimeout(), options.firstByteTimeout(), options.betweenBytesTimeout()],
    [1n, 2n, undefined],
  );
});

test('the classes a guest constructs are the ones whose objects are accepted', () => {
  const types = httpTypes(scope) as Record<string, new (headers: Fields) => object>;
  const made = new types['OutgoingResponse']!(new Fields());
  assert.ok(made instanceof OutgoingResponse);
  assert.equal(OutgoingResponse.partsOf(made).status, 200);
});

test('an error code is described in one line', () => {
  assert.equal(describeErrorCode({ tag: 'loop-detected' }), 'loop-detected');
  assert.equal(
    describeErrorCode({ tag: 'internal-error', val: 'x'.repeat(1000) }).length,
    'internal-error: '.length + 201,
  );
});

import { controlSubjects, eventNames, eventSubject, parseEvent } from '@muster/lattice';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, suite, test } from 'node:test';
import { type Lattice, startLattice } from './lattice.ts';
import { shapeOf } from './shape.ts';

interface Control {
  readonly operation: string;
  /** Last token of the subject: the host's id, or this name. */
  readonly to?: string;
  readonly status: 'supported' | 'refused' | 'unsupported' | 'no answer';
  readonly request?: object;
  /** The event that must follow. */
  readonly event?: string;
  /** The answer of the real host that ours must have the shape of. */
  readonly vector?: string;
}

interface Reply {
  readonly success: boolean;
  readonly message: string;
  readonly response?: unknown;
}

function read(path: string): unknown {
  return JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
}

const supported = read('supported.json') as {
  control: Control[];
  events: { supported: string[]; unsupported: string[] };
};
type Vectors = { messages: { id: string; subject: string; payload: string }[] };
const controlVectors = read('../../packages/lattice/test/vectors/control.json') as Vectors;
const eventVectors = read('../../packages/lattice/test/vectors/events.json') as Vectors;

const name = 'conformance';
const root = controlSubjects(name).all.slice(0, -1);
const waitMs = 10_000;

suite('control messages and events of a running lattice', () => {
  let lattice: Lattice;
  let hostId = '';
  const seen: { event: string; payload: string }[] = [];
  const isSeen = async (event: string, from: number): Promise<boolean> => {
    const until = Date.now() + waitMs;
    while (!seen.slice(from).some((one) => one.event === event) && Date.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return seen.slice(from).some((one) => one.event === event);
  };

  before(async () => {
    lattice = await startLattice(name);
    lattice.nats.subscribe(eventSubject(name, '*'), {
      callback: (_error, message) => {
        seen.push({ event: message.subject.split('.').at(-1) ?? '', payload: message.string() });
      },
    });
    const { response } = (await lattice.nats.request(`${root}host.ping`)).json<{
      response: { id: string };
    }>();
    hostId = response.id;
  });
  after(() => lattice?.[Symbol.asyncDispose]());

  for (const [index, control] of supported.control.entries()) {
    const { operation, to, status, request, event, vector } = control;
    test(`${index + 1}. ${operation} is ${status}${event === undefined ? '' : `, then ${event}`}`, async () => {
      const subject = `${root}${operation}${to === undefined ? '' : `.${to === 'host' ? hostId : to}`}`;
      const body = request === undefined ? '' : JSON.stringify(request);
      const payload = body.replaceAll('$HOST', hostId).replaceAll('$ARTIFACT', lattice.artifact);
      const from = seen.length;
      const asked = lattice.nats.request(subject, payload, { timeout: status === 'no answer' ? 300 : 5_000 });
      if (status === 'no answer') {
        await assert.rejects(asked);
        return;
      }
      const reply = (await asked).json<Reply>();
      if (status === 'unsupported') {
        assert.deepEqual(reply, { success: false, message: 'unsupported subject' });
        return;
      }
      assert.equal(reply.success, status === 'supported', reply.message);
      if (vector !== undefined) {
        const real = controlVectors.messages.find(({ id }) => id === vector);
        assert.equal(shapeOf(reply), shapeOf(JSON.parse(real?.payload ?? 'null')));
      }
      if (event !== undefined) assert.ok(await isSeen(event, from), `no ${event} after ${operation}`);
    });
  }

  test('every event on the wire is listed and has the keys and types of the real host', () => {
    assert.ok(seen.length > 0);
    for (const { event, payload } of seen) {
      assert.ok(supported.events.supported.includes(event), `${event} is not listed as supported`);
      assert.equal(parseEvent(payload).name, event);
      const real = eventVectors.messages.filter(({ subject }) => subject.endsWith(`.${event}`));
      const shapes = real.map((vector) => shapeOf(JSON.parse(vector.payload)));
      assert.ok(shapes.includes(shapeOf(JSON.parse(payload))), `${event}: ${shapeOf(JSON.parse(payload))}`);
    }
  });
});

suite('lists', () => {
  test('the events listed as supported are those that can be made, and no others', () => {
    assert.deepEqual(supported.events.supported.toSorted(), [...eventNames].toSorted());
  });

  test('no event is both', () => {
    const both = supported.events.supported.filter((event) => supported.events.unsupported.includes(event));
    assert.deepEqual(both, []);
  });

  test('every operation of a real host that the vectors hold is listed', () => {
    const operations = controlVectors.messages.flatMap(({ subject }) => {
      const found = /^wasmbus\.ctl\.v1\.[^.]+\.([a-z]+\.[a-z]+)(?:\.|$)/.exec(subject)?.[1];
      return found === undefined ? [] : [found];
    });
    const listed = new Set(supported.control.map(({ operation }) => operation));
    const missing = [...new Set(operations)].filter((operation) => !listed.has(operation));
    assert.deepEqual(missing, []);
  });
});

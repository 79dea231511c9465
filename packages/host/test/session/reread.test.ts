import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRereader } from '../../src/session/reread.ts';
import { settle } from '../support/clock.ts';
import { recordingLogger } from '../support/logger.ts';
import { fakeNats } from '../support/nats.ts';

function rig() {
  const connection = fakeNats().connect('ctl');
  const gates: PromiseWithResolvers<void>[] = [];
  const state = { current: connection as typeof connection | undefined };
  const reread = createRereader({
    connection: () => state.current,
    read: () => {
      const gate = Promise.withResolvers<void>();
      gates.push(gate);
      return gate.promise;
    },
    logger: recordingLogger(),
  });
  return { connection, gates, state, reread };
}

test('several reasons at once are one reading, and those that come meanwhile one more', async () => {
  const { connection, gates, reread } = rig();
  reread();
  reread();
  reread();
  await settle();
  assert.equal(gates.length, 1);
  gates[0]?.resolve();
  await settle();
  assert.equal(gates.length, 2);
  gates[1]?.resolve();
  await settle();
  assert.equal(gates.length, 2);
  assert.equal(connection.isConnected(), true);
});

test('a reading that fails closes the connection it was for, and no other', async () => {
  const { connection, gates, state, reread } = rig();
  reread();
  gates[0]?.reject(new Error('no'));
  await settle();
  assert.equal(connection.isConnected(), false);

  const other = rig();
  other.reread();
  other.state.current = undefined;
  other.gates[0]?.reject(new Error('no'));
  await settle();
  assert.equal(other.connection.isConnected(), true);
  state.current = undefined;
  reread();
  await settle();
  assert.equal(gates.length, 1);
});

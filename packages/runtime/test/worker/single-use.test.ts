import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SingleUseDetector, isRepeatable } from '../../src/worker/single-use.ts';

test('a repeated call that a new instance answers settles it', () => {
  const detector = new SingleUseDetector();
  assert.equal(detector.onUnanswered(false, true), true);
  assert.equal(detector.isSingleUse, false);
  detector.onRepeatAnswered();
  assert.equal(detector.isSingleUse, true);
  assert.equal(detector.onUnanswered(false, true), false);
});

test('calls that must not be repeated settle it at the second time', () => {
  const detector = new SingleUseDetector();
  assert.equal(detector.onUnanswered(false, false), false);
  assert.equal(detector.isSingleUse, false);
  assert.equal(detector.onUnanswered(false, false), false);
  assert.equal(detector.isSingleUse, true);
});

test('a guest that does not answer on a new instance either is no such guest', () => {
  const detector = new SingleUseDetector();
  assert.equal(detector.onUnanswered(false, true), true);
  assert.equal(detector.onUnanswered(true, true), false);
  assert.equal(detector.onUnanswered(false, true), false);
  assert.equal(detector.isSingleUse, false);
});

test('only safe methods without a body are repeated', () => {
  assert.ok(isRepeatable('GET', false));
  assert.ok(!isRepeatable('GET', true));
  assert.ok(!isRepeatable('POST', false));
  assert.ok(!isRepeatable('get', false));
});

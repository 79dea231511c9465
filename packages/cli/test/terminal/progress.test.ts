import assert from 'node:assert/strict';
import { stripVTControlCharacters } from 'node:util';
import { describe, it } from 'node:test';
import { createProgress } from '../../src/terminal/progress.ts';
import { TextOutput } from '../fake-io.ts';

describe('progress without a terminal', () => {
  it('writes a line per finished step, and how long it took when that was long', () => {
    const output = new TextOutput();
    let now = 0;
    const progress = createProgress(output, () => now);
    progress.begin('first');
    progress.detail('never shown');
    progress.done('result');
    progress.begin('second');
    now = 61_000;
    progress.done();
    progress.note('a note');
    assert.equal(output.text, 'first: result\nsecond (1m 1s)\na note\n');
  });

  it('says which step failed, once', () => {
    const output = new TextOutput();
    const progress = createProgress(output);
    progress.begin('first');
    progress.fail();
    progress.fail();
    assert.equal(output.text, 'first: failed\n');
  });
});

describe('progress on a terminal', () => {
  /** What stands on the screen when each line can be taken back. */
  function screen(text: string): string[] {
    return text.split('\n').map((line) => stripVTControlCharacters(line.split('\r').at(-1) ?? ''));
  }

  it('keeps one line alive per step', (t) => {
    t.mock.timers.enable({ apis: ['setInterval', 'Date'] });
    const output = new TextOutput({ isTTY: true });
    const progress = createProgress(output);
    progress.begin('building');
    progress.detail('part 1');
    t.mock.timers.tick(2_000);
    assert.match(screen(output.text).at(-1) ?? '', /^\S building 2s {2}part 1$/);
    progress.note('by the way');
    progress.done('built');
    t.mock.timers.tick(1_000);
    assert.deepEqual(screen(output.text), ['by the way', '✔ building: built (2s)', '']);
  });

  it('never writes a line that would wrap', () => {
    const output = new TextOutput({ isTTY: true, columns: 40 });
    const progress = createProgress(output);
    progress.begin('building');
    progress.detail('x'.repeat(200));
    progress.fail();
    for (const line of output.text.split(/[\r\n]/)) assert.ok(stripVTControlCharacters(line).length < 40);
    assert.match(output.text, /✘/);
  });
});

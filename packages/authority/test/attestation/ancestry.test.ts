import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isDescendant } from '../../src/attestation/ancestry.ts';
import type { ProcessFacts } from '../../src/attestation/process-facts.ts';

function facts(pid: number, parentPid: number, startTime = String(pid)): ProcessFacts {
  return { pid, parentPid, startTime, uid: 1, gid: 1, groups: [] };
}

/** A process table in which each reading may be scripted. */
function table(...rows: readonly ProcessFacts[]): (pid: number) => ProcessFacts | undefined {
  const processes = new Map(rows.map((row) => [row.pid, row]));
  return (pid) => processes.get(pid);
}

const AUTHORITY = 50;
const init = facts(1, 0);
const shell = facts(10, 1);
const authority = facts(AUTHORITY, 10);
const child = facts(60, AUTHORITY);
const grandchild = facts(70, 60);
const stranger = facts(80, 10);

describe('isDescendant', () => {
  const read = table(init, shell, authority, child, grandchild, stranger);

  it('finds children and grandchildren', () => {
    assert.equal(isDescendant(child, AUTHORITY, read), true);
    assert.equal(isDescendant(grandchild, AUTHORITY, read), true);
  });

  it('takes a sibling, the parent and the process itself for no descendants', () => {
    assert.equal(isDescendant(stranger, AUTHORITY, read), false);
    assert.equal(isDescendant(shell, AUTHORITY, read), false);
    assert.equal(isDescendant(authority, AUTHORITY, read), false);
  });

  it('does not decide when the parent vanishes each time it is looked at', () => {
    assert.equal(isDescendant(grandchild, AUTHORITY, table(init, authority, grandchild)), undefined);
  });

  it('does not decide when the process itself became another', () => {
    const reused = table(init, shell, authority, facts(80, 10, 'later'));
    assert.equal(isDescendant(stranger, AUTHORITY, reused), undefined);
  });

  it('starts over when a parent ends meanwhile and its pid is used anew', () => {
    // The first look at 60 shows a stranger under init with the pid of the parent that has just ended.
    let looks = 0;
    const racing = (pid: number): ProcessFacts | undefined => {
      if (pid === 60) return facts(60, 1, 'stranger');
      if (pid === 70) return looks++ === 0 ? grandchild : facts(70, AUTHORITY, '70');
      return read(pid);
    };
    assert.equal(isDescendant(grandchild, AUTHORITY, racing), true);
  });

  it('ends in a loop of parents', () => {
    const loop = table(facts(2, 3), facts(3, 2));
    assert.equal(isDescendant(facts(2, 3), AUTHORITY, loop), undefined);
  });
});

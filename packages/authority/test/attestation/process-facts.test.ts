import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseProcess, readProcess } from '../../src/attestation/process-facts.ts';

const STATUS = 'Name:\tx\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nGroups:\t9 10 \n';

function stat(name: string, state = 'S', parent = '7', start = '4242'): string {
  const rest = Array.from({ length: 17 }, () => '0').join(' ');
  return `12 (${name}) ${state} ${parent} ${rest} ${start} 0 0\n`;
}

describe('parseProcess', () => {
  it('reads parent, start time and the effective ids', () => {
    assert.deepEqual(parseProcess(12, stat('node'), STATUS), {
      pid: 12,
      parentPid: 7,
      startTime: '4242',
      uid: 2,
      gid: 6,
      groups: [9, 10],
    });
  });

  it('is not misled by a name made of brackets, spaces and digits', () => {
    const evil = ') S 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 1 (';
    assert.equal(parseProcess(12, stat(evil), STATUS)?.parentPid, 7);
    assert.equal(parseProcess(12, stat(evil), STATUS)?.startTime, '4242');
  });

  it('takes a zombie for no process', () => {
    assert.equal(parseProcess(12, stat('node', 'Z'), STATUS), undefined);
  });

  it('takes anything incomplete for no process', () => {
    assert.equal(parseProcess(12, '', STATUS), undefined);
    assert.equal(parseProcess(12, stat('node'), STATUS.replace('Uid:', 'Xid:')), undefined);
    assert.equal(parseProcess(12, stat('node'), STATUS.replace('Groups:', 'Grps:')), undefined);
    assert.equal(parseProcess(12, stat('node', 'S', 'x'), STATUS), undefined);
  });

  it('reads no groups at all', () => {
    assert.deepEqual(parseProcess(12, stat('node'), STATUS.replace('9 10 ', ' '))?.groups, []);
  });
});

describe('readProcess', () => {
  it('reads this process', () => {
    const facts = readProcess(process.pid);
    assert.equal(facts?.parentPid, process.ppid);
    assert.equal(facts.uid, process.geteuid?.());
    assert.equal(facts.gid, process.getegid?.());
  });

  it('finds no process where there is none', () => {
    assert.equal(readProcess(2 ** 22 + 1), undefined);
  });
});

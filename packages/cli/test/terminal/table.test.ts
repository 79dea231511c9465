import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseOptions } from '../../src/options.ts';
import { outputOption, printRows } from '../../src/terminal/print-rows.ts';
import { renderTable } from '../../src/terminal/table.ts';
import { createFakeIo } from '../fake-io.ts';

interface Row {
  name: string;
  note: string;
}
const columns = [
  { heading: 'NAME', cell: ({ name }: Row) => name },
  { heading: 'NOTE', cell: ({ note }: Row) => note },
];

describe('renderTable', () => {
  it('aligns columns and leaves no blanks at the end of a line', () => {
    const rows = [
      { name: 'a', note: 'x' },
      { name: 'longer', note: '' },
    ];
    assert.equal(renderTable(columns, rows), 'NAME    NOTE\na       x\nlonger\n');
  });

  it('does not let a name move the cursor, colour the terminal or turn the direction of writing', () => {
    const text = renderTable(columns, [{ name: 'a\u001b[2Jb\r\n', note: '\u202ec\u009b31m' }]);
    // oxlint-disable-next-line no-control-regex
    assert.doesNotMatch(text, /[\u001b\r\u009b\u202e]/);
    assert.equal(text.split('\n').length, 3);
  });
});

describe('printRows', () => {
  const print = (rows: Row[], ...words: string[]): ReturnType<typeof createFakeIo> => {
    const io = createFakeIo();
    printRows(rows, columns, parseOptions({ output: outputOption }, words), io, 'Nothing there.');
    return io;
  };

  it('prints an array of objects for -o json, also when it is empty', () => {
    assert.deepEqual(JSON.parse(print([{ name: 'a', note: 'b' }], '-o', 'json').stdout.text), [
      { name: 'a', note: 'b' },
    ]);
    assert.equal(print([], '-o', 'json').stdout.text, '[]\n');
  });

  it('says on stderr that there is nothing', () => {
    const io = print([]);
    assert.deepEqual([io.stdout.text, io.stderr.text], ['', 'Nothing there.\n']);
  });

  it('refuses other formats', () => assert.throws(() => print([], '-o', 'xml'), { code: 'ERR_USAGE' }));
});

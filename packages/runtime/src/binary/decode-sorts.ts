import { ComponentError } from '../errors.ts';
import type { AliasNode, CoreSort, Sort } from './ast.ts';
import { malformed, type Reader } from './reader.ts';

const coreSorts: Readonly<Record<number, CoreSort>> = {
  0x00: 'func',
  0x01: 'table',
  0x02: 'memory',
  0x03: 'global',
  0x04: 'tag',
  0x10: 'type',
  0x11: 'module',
  0x12: 'instance',
};

const sorts: Readonly<Record<number, Sort>> = {
  0x01: 'func',
  0x02: 'value',
  0x03: 'type',
  0x04: 'component',
  0x05: 'instance',
};

export function readCoreSort(reader: Reader): CoreSort {
  const byte = reader.byte();
  const sort = coreSorts[byte];
  if (sort === undefined) throw malformed(`unknown core sort ${byte}`, reader.at - 1);
  return sort;
}

export function readSort(reader: Reader): Sort {
  const byte = reader.byte();
  if (byte === 0x00) return `core ${readCoreSort(reader)}`;
  const sort = sorts[byte];
  if (sort === undefined) throw malformed(`unknown sort ${byte}`, reader.at - 1);
  if (sort === 'value') {
    throw new ComponentError('ERR_COMPONENT_UNSUPPORTED', 'The component uses value definitions.');
  }
  return sort;
}

export function readAlias(reader: Reader): AliasNode {
  const sort = readSort(reader);
  const at = reader.at;
  const target = reader.byte();
  switch (target) {
    case 0x00:
      return { kind: 'alias', sort, from: 'export', instance: reader.u32(), name: reader.name() };
    case 0x01:
      return { kind: 'alias', sort, from: 'core export', instance: reader.u32(), name: reader.name() };
    case 0x02:
      return { kind: 'alias', sort, from: 'outer', count: reader.u32(), index: reader.u32() };
    default:
      throw malformed(`unknown alias target ${target}`, at);
  }
}

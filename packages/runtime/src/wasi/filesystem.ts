import type { ImportInterface } from '../link/component.ts';
import { inertClass } from './inert.ts';

const refused = 'not-permitted';

const Descriptor = inertClass(
  [
    'readViaStream',
    'writeViaStream',
    'appendViaStream',
    'advise',
    'syncData',
    'getFlags',
    'getType',
    'setSize',
    'setTimes',
    'read',
    'write',
    'readDirectory',
    'sync',
    'createDirectoryAt',
    'stat',
    'statAt',
    'setTimesAt',
    'linkAt',
    'openAt',
    'readlinkAt',
    'removeDirectoryAt',
    'renameAt',
    'symlinkAt',
    'unlinkFileAt',
    'isSameObject',
    'metadataHash',
    'metadataHashAt',
  ],
  refused,
);

/** `wasi:filesystem/types`: there are no preopens, so no guest ever holds a descriptor. */
export const filesystemTypes: ImportInterface = {
  Descriptor,
  DirectoryEntryStream: inertClass(['readDirectoryEntry'], refused),
  filesystemErrorCode: () => undefined,
};

/** `wasi:filesystem/preopens` */
export const preopens: ImportInterface = { getDirectories: () => [] };

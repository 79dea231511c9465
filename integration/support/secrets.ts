import { closeSync, constants, fstatSync, openSync, readFileSync, readlinkSync, readSync } from 'node:fs';
import { filesBelow } from './leftovers.ts';
import { attempt, descriptorsOf } from './processes.ts';
import type { ProcessInfo } from './processes.ts';

/** Key material or a token that was seen where it can be read; never the thing itself. */
export interface Finding {
  readonly kind: string;
  /** `environment`, `argv`, `descriptor` (an open file, which may have no name any more) or `file`. */
  readonly where: 'environment' | 'argv' | 'descriptor' | 'file';
  readonly pid: number | undefined;
  readonly place: string;
}

const bytes = (hex: string): string => Buffer.from(hex, 'hex').toString('latin1');
const escape = (text: string): string =>
  Array.from(text, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`).join('');

/* All over text read as latin1, one character per byte. */
const patterns: readonly (readonly [kind: string, pattern: RegExp])[] = [
  ['nkey seed', /(?<![A-Z2-7])S[AUXNOPC][A-Z2-7]{56}(?![A-Z2-7])/],
  ['PEM private key', /-----BEGIN [A-Z ]*PRIVATE KEY-----/],
  // Version 0, then an algorithm: the start of PKCS #8. A public key has no version.
  [
    'PKCS #8 EC key',
    new RegExp(escape(bytes('020100')) + '\\x30[\\x08-\\x20]' + escape(bytes('06072a8648ce3d0201'))),
  ],
  ['PKCS #8 RSA key', new RegExp(escape(bytes('020100300d06092a864886f70d010101')))],
  ['PKCS #8 Ed25519 or X25519 key', new RegExp(escape(bytes('020100300506032b65')) + '[\\x6e-\\x71]')],
  ['SEC1 EC key', new RegExp(escape(bytes('020101')) + '\\x04[\\x20\\x30\\x42][\\s\\S]{32,66}\\xa0')],
  ['JWK private key', /"d"\s*:\s*"[A-Za-z0-9_-]{20,}"/],
  ['JWT', /(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{16,}/],
];

/** The kinds of secret in a text. */
export function secretsIn(text: string): string[] {
  return patterns.filter(([, pattern]) => pattern.test(text)).map(([kind]) => kind);
}

/** Looks through environment, argv and open regular files of the processes, and through all files below the folders. */
export function scanForSecrets(
  processes: readonly ProcessInfo[],
  folders: readonly string[],
): { readonly findings: readonly Finding[]; readonly looked: Readonly<Record<Finding['where'], number>> } {
  const findings: Finding[] = [];
  const looked = { environment: 0, argv: 0, descriptor: 0, file: 0 };
  const look = (
    where: Finding['where'],
    pid: number | undefined,
    place: string,
    text: string | undefined,
  ): void => {
    if (text === undefined) return;
    looked[where] += 1;
    for (const kind of secretsIn(text)) findings.push({ kind, where, pid, place });
  };
  for (const { pid } of processes) {
    const read = (name: string): string | undefined =>
      attempt(() => readFileSync(`/proc/${pid}/${name}`, 'latin1'));
    look('environment', pid, 'environ', read('environ'));
    look('argv', pid, 'cmdline', read('cmdline'));
    for (const descriptor of descriptorsOf(pid)) {
      look('descriptor', pid, attempt(() => readlinkSync(descriptor)) ?? descriptor, readRegular(descriptor));
    }
  }
  for (const folder of folders) {
    for (const file of filesBelow(folder)) look('file', undefined, file, readRegular(file));
  }
  return { findings, looked };
}

const LARGEST = 64 * 1024 * 1024;

/** Undefined for anything but a regular file: reading a pipe or socket would take what is not ours. */
function readRegular(path: string): string | undefined {
  return attempt(() => {
    // A pipe opened for reading would wait for a writer.
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const info = fstatSync(file);
      if (!info.isFile()) return undefined;
      const buffer = Buffer.alloc(Math.min(info.size, LARGEST));
      const length = readSync(file, buffer, 0, buffer.length, 0);
      return buffer.toString('latin1', 0, length);
    } finally {
      closeSync(file);
    }
  });
}

// The openssl program as an oracle for chains. It knows nothing of SPIFFE: it has RFC 5280 to say.
import { execFile, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../program.ts';
import { toPem } from '../vectors/vector.ts';
import type { Verdict, X509Case } from './judge.ts';

/** Says aloud where there is no openssl. */
export function findOpenssl(): false | string {
  if (spawnSync('openssl', ['version']).status === 0) return false;
  const skip = 'openssl is not there';
  console.error(`# THE ORACLE IS SKIPPED: ${skip}`);
  return skip;
}

export class Openssl {
  readonly #folder = temporaryFolder('openssl');
  readonly #isStrict: boolean;
  #count = 0;

  constructor(options: { readonly isStrict?: boolean } = {}) {
    this.#isStrict = options.isStrict ?? false;
  }

  /** Every anchor counts, self-signed or not, as with us. */
  async judge({ chain, authorities, at }: X509Case): Promise<Verdict> {
    const [leaf, ...intermediates] = chain;
    if (leaf === undefined || authorities.length === 0)
      return { isAccepted: false, reason: 'nothing to verify' };
    this.#count += 1;
    // A few at once: a name is used again long after its call has ended.
    const path = (what: string): string => join(this.#folder, `${this.#count % 64}-${what}.pem`);
    const files = { leaf: path('leaf'), untrusted: path('untrusted'), authorities: path('authorities') };
    writeFileSync(files.leaf, toPem([leaf]));
    writeFileSync(files.untrusted, toPem(intermediates));
    writeFileSync(files.authorities, toPem(authorities));
    const untrusted = intermediates.length === 0 ? [] : ['-untrusted', files.untrusted];
    const time = String(Math.floor(at / 1000));
    const words = [
      'verify',
      ...(this.#isStrict ? ['-x509_strict'] : []),
      '-partial_chain',
      '-attime',
      time,
      '-no-CApath',
      '-no-CAstore',
      '-CAfile',
      files.authorities,
    ];
    return new Promise((resolve, reject) => {
      execFile(
        'openssl',
        [...words, ...untrusted, files.leaf],
        { timeout: 60_000 },
        (error, stdout, stderr) => {
          if (error === null) {
            resolve({ isAccepted: true });
          } else if (typeof error.code === 'number') {
            resolve({ isAccepted: false, reason: toReason(stdout + stderr) });
          } else {
            reject(error);
          }
        },
      );
    });
  }
}

function toReason(output: string): string {
  return (
    /error \d+ at \d+ depth lookup: .*/.exec(output)?.[0] ??
    output.trim().replaceAll(/\s+/g, ' ').slice(0, 300)
  );
}

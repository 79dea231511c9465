import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { writeAtomically } from '../../src/files/atomic-writer.ts';
import { CSI_DRIVER_FILES } from '../../src/files/layout.ts';
import { replaceFile } from '../../src/files/replace-file.ts';

/** A program that writes one identity after the other to a directory until it is killed: `writer.ts <directory> <style> <identities as JSON>`. */
const [directory = '', style = '', list = ''] = process.argv.slice(2);
const identities = JSON.parse(readFileSync(list, 'utf8')) as {
  certificate: string;
  key: string;
  ca: string;
}[];
const names = CSI_DRIVER_FILES;

for (let turn = 0; ; turn += 1) {
  const { certificate, key, ca } = identities[turn % identities.length]!;
  if (style === 'plain') {
    writeFileSync(join(directory, names.certificate), certificate);
    writeFileSync(join(directory, names.key), key);
    writeFileSync(join(directory, names.bundle), ca);
  } else if (style === 'single') {
    await replaceFile(directory, { name: 'token', contents: certificate, mode: 0o600 }, undefined);
  } else {
    await writeAtomically(
      directory,
      [
        { name: names.certificate, contents: certificate, mode: 0o644 },
        { name: names.key, contents: key, mode: 0o600 },
        { name: names.bundle, contents: ca, mode: 0o644 },
      ],
      { now: Date.now() },
    );
  }
  if (turn === 0) {
    process.stdout.write('ready\n');
  }
  // Plain files settle now and then, or nobody could ever read them.
  if (style === 'plain' && turn % 5 === 0) {
    await new Promise((resolve) => {
      setTimeout(resolve, 10);
    });
  }
}

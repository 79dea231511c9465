import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { SpiffeError } from '../errors.ts';
import { quote } from '../internal/quote.ts';
import { DIRECTORY_MODE, syncDirectory, writeFile } from './atomic-writer.ts';
import type { FileToWrite } from './atomic-writer.ts';

/**
 * Replaces one file by one rename, so that whoever reads finds all of the old or all of the new one, also after a kill at
 * any moment. Throws SpiffeError `ERR_FILE_WRITE`; the file is then the earlier one.
 */
export async function replaceFile(
  directory: string,
  file: FileToWrite,
  groupId: number | undefined,
): Promise<void> {
  // Always the same name, so that what a killed process has left is overwritten and does not pile up.
  const temporary = join(directory, `..${file.name}.tmp`);
  try {
    await mkdir(directory, { recursive: true, mode: DIRECTORY_MODE });
    await rm(temporary, { force: true });
    await writeFile(temporary, file, groupId);
    await rename(temporary, join(directory, file.name));
    await syncDirectory(directory);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw new SpiffeError('ERR_FILE_WRITE', `Cannot write ${quote(file.name)} to ${quote(directory)}`, {
      cause: error,
    });
  }
}

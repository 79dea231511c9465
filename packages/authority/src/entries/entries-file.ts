import { readFileSync } from 'node:fs';
import { AuthorityError } from '../errors.ts';
import type { RegistrationEntry } from './registration-entry.ts';

const MAX_FILE_BYTES = 64 * 1024 * 1024;

/** Reads a file `{"entries":[...]}`; the entries are validated when they enter the store. Throws ERR_ENTRIES_FILE. */
export function readEntriesFile(path: string): readonly RegistrationEntry[] {
  let document: unknown;
  try {
    const text = readFileSync(path);
    if (text.length > MAX_FILE_BYTES) throw new RangeError('the file is larger than 64 MiB');
    document = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(text));
  } catch (error) {
    throw new AuthorityError('ERR_ENTRIES_FILE', `Cannot read entries from ${JSON.stringify(path)}`, {
      cause: error,
    });
  }
  const entries = (document as { entries?: unknown } | null)?.entries;
  const isOnlyEntries =
    typeof document === 'object' && document !== null && Object.keys(document).join() === 'entries';
  if (!isOnlyEntries || !Array.isArray(entries)) {
    throw new AuthorityError(
      'ERR_ENTRIES_FILE',
      `Cannot read entries from ${JSON.stringify(path)}: an object with the one key "entries", a list, is wanted`,
    );
  }
  return entries as RegistrationEntry[];
}

import { constants } from 'node:os';
import { CliError } from '../errors.ts';
import type { Option, Options } from '../options.ts';
import { setParentDeathSignal } from './native.ts';

/** The option of every part that can be run by a parent. */
export const dieWithParentOption: Option = {
  value: 'PID',
  help: 'End at once when the parent process, which must have this pid, ends',
};

/** Ties the life of this process to its parent's when the option is given. Throws ERR_PARENT_GONE when the parent is gone already. */
export function dieWithParent(options: Options): void {
  if (options.optional('die-with-parent') === undefined) return;
  const parent = options.integer('die-with-parent');
  setParentDeathSignal(constants.signals.SIGKILL);
  // A parent that ended before the call above would have sent nothing.
  if (process.ppid !== parent)
    throw new CliError('ERR_PARENT_GONE', `The parent process ${String(parent)} is gone`);
}

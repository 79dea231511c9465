import { accepted, parseConfig } from '@muster/lattice';
import { checkConfigName } from './ids.ts';
import type { ControlOperation } from './operation.ts';

/** Stores the body as it came once it is known to be a map of strings. */
export const configPutOperation: ControlOperation = {
  name: 'config.put',
  target: 'config',
  malformed: 'config data should be a map of string -> string',
  async run(context, body, name) {
    parseConfig(body);
    await context.state.putConfig(checkConfigName(name), body);
    context.publish('config_set', { config_name: name });
    return accepted('successfully put config');
  },
};

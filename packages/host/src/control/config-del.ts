import { accepted } from '@muster/lattice';
import { checkConfigName } from './ids.ts';
import type { ControlOperation } from './operation.ts';

/** Purges the name; a name that is not there is purged too, with its event, as in v1. */
export const configDelOperation: ControlOperation = {
  name: 'config.del',
  target: 'config',
  malformed: 'unsupported subject',
  async run(context, _body, name) {
    await context.state.deleteConfig(checkConfigName(name));
    context.publish('config_deleted', { config_name: name });
    return accepted('successfully deleted config');
  },
};

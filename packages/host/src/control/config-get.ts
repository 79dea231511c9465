import { accepted } from '@muster/lattice';
import { checkConfigName } from './ids.ts';
import type { ControlOperation } from './operation.ts';

/** A name that is not there is a success without a response, as in v1. */
export const configGetOperation: ControlOperation = {
  name: 'config.get',
  target: 'config',
  malformed: 'unsupported subject',
  async run(context, _body, name) {
    const config = await context.state.fetchConfig(checkConfigName(name));
    return config === undefined ? accepted('Configuration not found') : accepted('', config);
  },
};

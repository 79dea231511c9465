import { accepted, parseStopHost, refused } from '@muster/lattice';
import type { ControlOperation } from './operation.ts';

/** Stops the host after the reply. */
export const hostStopOperation: ControlOperation = {
  name: 'host.stop',
  target: 'host',
  malformed: 'failed to deserialize stop command',
  run(context, body) {
    const { host_id: hostId } = parseStopHost(body);
    if (hostId !== '' && hostId !== context.facts.id) {
      return refused(`invalid host_id [${hostId}]`);
    }
    return { reply: accepted('successfully handled stop host'), after: context.stopHost };
  },
};

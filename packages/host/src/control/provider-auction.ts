import { parseAuction } from './auction-request.ts';
import type { ControlOperation } from './operation.ts';

/** The only provider here is built in and runs already: a host that cannot start another one does not bid. */
export const providerAuctionOperation: ControlOperation = {
  name: 'provider.auction',
  target: 'none',
  malformed: 'failed to deserialize provider auction command',
  run(_context, body) {
    parseAuction(body, 'provider');
    return undefined;
  },
};

import { accepted } from '@muster/lattice';
import { fitsLabels, parseAuction } from './auction-request.ts';
import type { ControlOperation } from './operation.ts';

/** Bids when the labels fit and the id does not run here; silent otherwise. */
export const componentAuctionOperation: ControlOperation = {
  name: 'component.auction',
  target: 'none',
  malformed: 'failed to deserialize component auction command',
  run({ facts, components }, body) {
    const request = parseAuction(body, 'component');
    if (!fitsLabels(facts, request) || components.get(request.id) !== undefined) {
      return undefined;
    }
    const { reference, id, constraints } = request;
    return accepted('', { component_ref: reference, component_id: id, host_id: facts.id, constraints });
  },
};

import { SpiffeError } from '../errors.ts';
import { SpiffeId } from '../id/spiffe-id.ts';
import { quote } from '../internal/quote.ts';

const MAX_LISTED = 3;

interface Pickable {
  readonly id: SpiffeId;
  readonly hint?: string;
}

/** Which of the SVIDs that the endpoint offers is taken. Default: the first (SPIFFE Workload API section 8). What is named must be there: no other one is ever taken in its place. */
export interface SvidChoice<S extends Pickable> {
  /** The identity to take. */
  readonly spiffeId?: string | undefined;
  /** The hint of the SVID to take. */
  readonly hint?: string | undefined;
  /** Picks one of those that fit `spiffeId` and `hint`, or none. Called for each update with at least one. */
  readonly pickSvid?: ((svids: readonly S[]) => S | undefined) | undefined;
}

export interface SvidPicker<S> {
  pick(svids: readonly S[]): S | undefined;
  /** Why none was picked: what was looked for, and what there is in its place. */
  refuse(svids: readonly S[]): SpiffeError;
}

/** Throws SpiffeError `ERR_ID_...` where the identity is not a SPIFFE ID, and `ERR_SOURCE_OPTIONS` for an empty hint. */
export function createSvidPicker<S extends Pickable>(choice: SvidChoice<S>): SvidPicker<S> {
  const { hint, pickSvid } = choice;
  const id = choice.spiffeId === undefined ? undefined : SpiffeId.parse(choice.spiffeId);
  if (hint === '') {
    throw new SpiffeError(
      'ERR_SOURCE_OPTIONS',
      'Cannot choose an SVID by its hint: the hint must not be empty',
    );
  }
  const parts = [
    ...(id === undefined ? [] : [`the identity "${id.toString()}"`]),
    ...(hint === undefined ? [] : [`an SVID with the hint ${JSON.stringify(hint)}`]),
  ];
  const wanted = parts.length === 0 ? 'an SVID that is picked' : parts.join(' as ');
  return {
    pick(svids) {
      const fitting = svids.filter(
        (svid) => (id === undefined || svid.id.equals(id)) && (hint === undefined || svid.hint === hint),
      );
      if (pickSvid === undefined || fitting.length === 0) {
        return fitting[0];
      }
      const picked = pickSvid(fitting);
      // Something that was never offered has not been checked.
      return picked !== undefined && fitting.includes(picked) ? picked : undefined;
    },
    refuse: (svids) =>
      new SpiffeError('ERR_NO_IDENTITY', `The endpoint does not offer ${wanted}, but ${listSome(svids)}`),
  };
}

function listSome(svids: readonly Pickable[]): string {
  const some = svids.slice(0, MAX_LISTED).map(({ id, hint = '' }) => {
    return hint === '' ? quote(id.toString()) : `${quote(id.toString())} as ${quote(hint)}`;
  });
  const rest = svids.length - some.length;
  return rest === 0 ? some.join(', ') : `${some.join(', ')} and ${rest} more`;
}

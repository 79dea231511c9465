import type { ImportInterface } from '../link/component.ts';
import { ResultError } from '../errors.ts';
import { suspending } from '../link/host.ts';
import type { WaitScope } from './wait.ts';

/** `error` of `wasmcloud:identity/store`. */
export type IdentityError = { tag: 'io'; val: string } | { tag: 'not-found' } | { tag: 'other'; val: string };

/** Asks for a JWT-SVID of the component for one audience; undefined when there is none. */
export type GetJwt = (audience: string) => Promise<string | undefined>;

const maxAudienceLength = 2048;

const failure = (error: IdentityError): ResultError => new ResultError(error);

/** `wasmcloud:identity/store` (0.0.1). Why a request failed is not told to the guest. */
export function identityStore(getJwt: GetJwt, scope: WaitScope): ImportInterface {
  return {
    get: suspending((audience: string) => {
      if (audience.length === 0 || audience.length > maxAudienceLength)
        throw failure({ tag: 'other', val: `the audience needs 1 to ${maxAudienceLength} characters` });
      return scope.suspend<string>((resolve, reject) => {
        getJwt(audience).then(
          (token) => (token === undefined ? reject(failure({ tag: 'not-found' })) : resolve(token)),
          () => reject(failure({ tag: 'io', val: 'the identity provider could not be asked' })),
        );
        return () => {};
      });
    }),
  };
}

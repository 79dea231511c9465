import { HostError } from '../errors.ts';

/**
 * Ids become subject tokens, bucket keys, selectors and parts of SPIFFE IDs, so only plain words are accepted: 1 to 128
 * letters, digits, `-` and `_`. Throws HostError `ERR_CONTROL_ID_INVALID`.
 */
export function checkId(kind: string, id: string): string {
  if (!/^[A-Za-z0-9_-]{1,128}$/.test(id)) {
    throw new HostError(
      'ERR_CONTROL_ID_INVALID',
      `Cannot use ${kind} ${JSON.stringify(id.slice(0, 128))}: it must be 1 to 128 letters, digits, "-" and "_"`,
    );
  }
  return id;
}

/** Names of configs are bucket keys without dots. Throws HostError `ERR_CONTROL_ID_INVALID`. */
export function checkConfigName(name: string): string {
  if (!/^[A-Za-z0-9_/=-]{1,256}$/.test(name)) {
    throw new HostError(
      'ERR_CONTROL_ID_INVALID',
      `Cannot use config name ${JSON.stringify(name.slice(0, 128))}: it must be 1 to 256 letters, digits, "-", "_", "/" and "="`,
    );
  }
  return name;
}

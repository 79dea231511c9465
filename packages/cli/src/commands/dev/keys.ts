import { createNkey, createXkey } from '@muster/lattice';

/** The keys of one lattice run. They are made at start and exist in this process's memory only. */
export interface DevKeys {
  readonly issuer: string;
  readonly xkey: string;
  readonly calloutUser: string;
  readonly systemUser: string;
  /** A fresh copy of the callout's key document. */
  calloutDocument(): Uint8Array;
  wipe(): void;
}

/** Makes the account key that signs user JWTs, the callout's xkey and the two static logins. */
export function createDevKeys(): DevKeys {
  const issuer = createNkey('A');
  const xkey = createXkey();
  const calloutUser = createNkey('U');
  const systemUser = createNkey('U');
  return {
    issuer: issuer.publicKey,
    xkey: xkey.publicKey,
    calloutUser: calloutUser.publicKey,
    systemUser: systemUser.publicKey,
    calloutDocument: () =>
      keyDocument({ issuerSeed: issuer.seed(), xkeySeed: xkey.seed(), userSeed: calloutUser.seed() }),
    wipe: () => {
      for (const key of [issuer, xkey, calloutUser, systemUser]) key.wipe();
    },
  };
}

/** Written byte by byte, because a string with a seed in it could not be wiped. */
function keyDocument(seeds: Readonly<Record<string, Uint8Array>>): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const [name, seed] of Object.entries(seeds)) {
    parts.push(Buffer.from(`${parts.length === 0 ? '{' : ','}"${name}":"`), seed, Buffer.from('"'));
  }
  const document = Buffer.concat([...parts, Buffer.from('}')]);
  for (const seed of Object.values(seeds)) seed.fill(0);
  // Buffers from concat may come from the shared pool; this copy does not, and the other is wiped.
  const copy = new Uint8Array(document);
  document.fill(0);
  return copy;
}

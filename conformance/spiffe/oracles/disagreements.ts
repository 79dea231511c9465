// Where an oracle judges otherwise than we do, each with the section that decides. What is not listed fails the tests.
import { readFileSync } from 'node:fs';
import type { Case, Verdict } from './judge.ts';

export type Oracle = 'go-spiffe' | 'openssl' | 'openssl-strict' | 'jose';

/** One class of disagreements with one or more oracles. `ours` and `theirs` are `accepted`, our code, or a pattern of the oracle's words. */
export interface Disagreement {
  readonly oracles: readonly Oracle[];
  readonly kind: Case['kind'];
  readonly ours: string;
  readonly theirs: string;
  readonly section: string;
  readonly reason: string;
  /** Met by mutation only: no vector shows it. */
  readonly isOfRandomInputs?: boolean;
  /** So wide that it would hide defects: shown by a vector, and never met by random inputs, which stay clear of it. */
  readonly isOfVectorsOnly?: boolean;
}

export const disagreements: readonly Disagreement[] = (
  JSON.parse(readFileSync(new URL('disagreements.json', import.meta.url), 'utf8')) as {
    disagreements: Disagreement[];
  }
).disagreements;

/** What went otherwise, in words: undefined where both agree. A disagreement that is listed says which row it is. */
export interface Difference {
  readonly words: string;
  readonly row: Disagreement | undefined;
}

export function compare(
  kind: Case['kind'],
  oracle: Oracle,
  ours: Verdict,
  theirs: Verdict,
): Difference | undefined {
  if (ours.isAccepted && theirs.isAccepted) {
    const words = compareContents(ours, theirs);
    return words === undefined ? undefined : { words: `${oracle}: ${words}`, row: undefined };
  }
  if (!ours.isAccepted && !theirs.isAccepted) return undefined;
  const ourWords = ours.isAccepted ? 'accepted' : ours.reason;
  const theirWords = theirs.isAccepted ? 'accepted' : theirs.reason;
  const row = disagreements.find(
    (one) =>
      one.oracles.includes(oracle) &&
      one.kind === kind &&
      new RegExp(`^(?:${one.ours})$`).test(ourWords) &&
      (theirs.isAccepted ? one.theirs === 'accepted' : new RegExp(one.theirs, 'i').test(theirWords)),
  );
  return { words: `${kind}: ours "${ourWords}", ${oracle} "${theirWords}"`, row };
}

/** Of what both accept, both must have read the same ID, and we must not take a key that the oracle does not. */
function compareContents(
  ours: Verdict & { isAccepted: true },
  theirs: Verdict & { isAccepted: true },
): string | undefined {
  if (theirs.id !== undefined && ours.id !== theirs.id)
    return `ID ${theirs.id} but ours is ${String(ours.id)}`;
  if ((ours.x509 ?? 0) > (theirs.x509 ?? Infinity))
    return `${String(theirs.x509)} X.509 authorities, ours ${String(ours.x509)}`;
  if ((ours.jwt ?? 0) > (theirs.jwt ?? Infinity))
    return `${String(theirs.jwt)} JWT authorities, ours ${String(ours.jwt)}`;
  return undefined;
}

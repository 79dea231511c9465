// What is fuzzed: a reader, good inputs for it, and how they are changed.
import { isSpiffeError, SPIFFE_ERRORS } from '@muster/spiffe';
import { mutateBytes, type Random } from '@muster/testing';

export interface FuzzTarget {
  readonly name: string;
  /** Good inputs. */
  readonly corpus: readonly Buffer[];
  /** Another way to change an input than byte by byte, taken every other time. */
  readonly mutate?: (input: Buffer, random: Random, corpus: readonly Buffer[]) => Buffer;
  /** Reads an input in several ways. Each must return, or throw a SpiffeError. */
  readonly readers: (input: Buffer) => readonly (() => unknown)[];
  /** Ends what the target has opened. */
  readonly close?: () => Promise<void>;
}

/** The next input of a target. The same random numbers give the same inputs. */
export function createInput({ corpus, mutate }: FuzzTarget, random: Random): Buffer {
  const input = random.pick(corpus);
  if (mutate === undefined || random.oneIn(2)) return mutateBytes(input, random, corpus);
  const mutant = mutate(input, random, corpus);
  return random.oneIn(8) ? mutateBytes(mutant, random, corpus) : mutant;
}

/** Runs one input. Returns what is wrong with what was thrown, or undefined. */
export async function tryInput({ readers }: FuzzTarget, input: Buffer): Promise<string | undefined> {
  for (const read of readers(input)) {
    const fault = await tryReader(read);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

export async function tryReader(read: () => unknown): Promise<string | undefined> {
  try {
    const reading = read();
    // Most are synchronous, and there are millions of them.
    if (reading instanceof Promise) await reading;
    return undefined;
  } catch (error) {
    return describeFault(error);
  }
}

/** Says why an error is not one that may be thrown: only a SpiffeError with a code of the table is. */
export function describeFault(error: unknown): string | undefined {
  if (isSpiffeError(error) && Object.hasOwn(SPIFFE_ERRORS, error.code)) return undefined;
  return error instanceof Error ? (error.stack ?? error.message) : `not an error: ${String(error)}`;
}

/**
 * Finds out whether a guest answers only one call per instance, as guests with a `fetch` event listener do: their second
 * call returns without a response.
 */
export class SingleUseDetector {
  isSingleUse = false;
  #isRuledOut = false;
  #suspicions = 0;

  /**
   * A call came back without a response. Says whether to make it once more on a new instance, which is done only for
   * requests that may be repeated.
   */
  onUnanswered(isFirstCall: boolean, canRepeat: boolean): boolean {
    // A new instance does not answer either: that is not the reason.
    if (isFirstCall) this.#isRuledOut = true;
    if (this.#isRuledOut || this.isSingleUse) return false;
    this.#suspicions += 1;
    if (this.#suspicions > 1) this.isSingleUse = true;
    return canRepeat;
  }

  /** A repeated call was answered by the new instance. */
  onRepeatAnswered(): void {
    this.isSingleUse = true;
  }
}

const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Methods that ask for nothing but an answer (RFC 9110, 9.2.1). */
export function isRepeatable(method: string, hasBody: boolean): boolean {
  return !hasBody && safeMethods.has(method);
}

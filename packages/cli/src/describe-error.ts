/** An error as one line for a person, and the exit code of the process. Messages of this project hold no secrets. */
export function describeError(error: unknown): { line: string; exitCode: number } {
  if (!(error instanceof Error)) return { line: `error: ${String(error)}`, exitCode: 1 };
  if (error.name === 'AbortError') return { line: 'stopped', exitCode: 130 };
  const code = (error as { code?: unknown }).code;
  const label = typeof code === 'string' ? `error ${code}` : 'error';
  // Messages of the command line say all there is to say; those of the packages below may need their causes.
  const message = error.name === 'CliError' ? error.message : messageWithCauses(error);
  return { line: `${label}: ${message}`, exitCode: code === 'ERR_USAGE' ? 2 : 1 };
}

/** The message of an error followed by those of its causes, each once. */
export function messageWithCauses(error: Error): string {
  const messages: string[] = [];
  for (let next: unknown = error; next instanceof Error && messages.length < 5; next = next.cause) {
    const text = next.message.replaceAll(/\s+/g, ' ').trim();
    if (text !== '' && !messages.some((earlier) => earlier.includes(text))) messages.push(text);
  }
  return messages.join(': ');
}

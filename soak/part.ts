/** What one part of the soak found. */
export interface PartReport {
  readonly name: string;
  /** Name and value, in the order of the table. */
  readonly figures: Readonly<Record<string, string | number>>;
  /** What should not have been. None: the part has passed. */
  readonly problems: readonly string[];
}

/** Shown while a part runs. */
export type Tell = (line: string) => void;

/** For people. */
export function formatReports(reports: readonly PartReport[]): string {
  const width = Math.max(
    ...reports.flatMap(({ figures }) => Object.keys(figures).map((name) => name.length)),
  );
  return reports
    .map(({ name, figures, problems }) => {
      const lines = Object.entries(figures).map(([key, value]) => `  ${key.padEnd(width)}  ${String(value)}`);
      const faults = problems.map((problem) => `  ! ${problem}`);
      return [`${problems.length === 0 ? 'ok    ' : 'FAILED'} ${name}`, ...lines, ...faults].join('\n');
    })
    .join('\n\n');
}

/** `3 ERR_A, 1 ERR_B`, or `none`. */
export function formatCounts(counts: Readonly<Record<string, number>>): string {
  const entries = Object.entries(counts).toSorted(([, a], [, b]) => b - a);
  return entries.length === 0
    ? 'none'
    : entries.map(([name, count]) => `${String(count)} ${name}`).join(', ');
}

export function formatMb(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

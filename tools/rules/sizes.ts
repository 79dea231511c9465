import type { Problem } from '../source.ts';
import { type Rule, countLines, isSource, isTest } from './rule.ts';

const maxLines = 420;
const medianLines = 120;
const ninetiethLines = 300;
const leastTests = 0.8;

/** The package of fakes and test authorities is part of the tests. */
const isForTests = (path: string): boolean => path.startsWith('packages/testing/src/');

export const sizeRules: readonly Rule[] = [
  {
    name: 'sizes',
    reason: `a file is read in one go: at most ${maxLines} lines, nine in ten at most ${ninetiethLines}, half at most ${medianLines}`,
    check(files) {
      const lengths = files
        .filter(({ path }) => isSource(path))
        .map(({ path, text }) => ({ path, lines: countLines(text) }));
      const problems: Problem[] = lengths
        .filter(({ lines }) => lines > maxLines)
        .map(({ path, lines }) => ({ path, message: `has ${lines} lines, at most ${maxLines}` }));
      const sorted = lengths.map(({ lines }) => lines).toSorted((a, b) => a - b);
      for (const [share, most] of [
        [0.5, medianLines],
        [0.9, ninetiethLines],
      ] as const) {
        const lines = sorted[Math.floor((sorted.length - 1) * share)] ?? 0;
        if (lines > most) {
          problems.push({
            path: 'packages',
            message: `${share * 100} % of src have up to ${lines} lines, at most ${most}`,
          });
        }
      }
      return problems;
    },
  },
  {
    name: 'tests',
    reason: `the aim is as many lines of tests as of source; less than ${leastTests} of it is not accepted, and the number only rises`,
    check(files) {
      const sum = (isCounted: (path: string) => boolean): number =>
        files.filter(({ path }) => isCounted(path)).reduce((total, { text }) => total + countLines(text), 0);
      const source = sum((path) => isSource(path) && !isForTests(path));
      const test = sum((path) => (isTest(path) || isForTests(path)) && /\.(?:ts|wat)$/.test(path));
      return test >= source * leastTests
        ? []
        : [{ path: 'packages', message: `${source} lines of source but ${test} of tests` }];
    },
  },
];

// The rules of the house. A rule that is in the way is changed, in one commit that says why, not passed by.
import { packageRules } from './rules/packages.ts';
import type { Rule } from './rules/rule.ts';
import { sizeRules } from './rules/sizes.ts';
import { textRules } from './rules/text.ts';
import { type Problem, type SourceFile, readSources, report } from './source.ts';

export const rules: readonly Rule[] = [...sizeRules, ...textRules, ...packageRules];

/** What breaks which rule. */
export function findProblems(files: readonly SourceFile[]): Problem[] {
  return rules.flatMap((rule) => {
    const problems = rule
      .check(files)
      .map((problem) => ({ ...problem, message: `${rule.name}: ${problem.message}` }));
    const last = problems.pop();
    return last === undefined
      ? []
      : [...problems, { ...last, message: `${last.message}\n    because ${rule.reason}` }];
  });
}

if (import.meta.main) {
  const files = readSources('').filter(({ path }) => path !== 'package-lock.json');
  report('house', `${rules.length} rules over ${files.length} files`, findProblems(files));
}

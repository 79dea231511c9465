// Pieces of the documents that are made from code.

const LINE = 110;

/** A table; `|` in cells is escaped. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |\n`;
  return line(headings) + `|${'---|'.repeat(headings.length)}\n` + rows.map(line).join('');
}

/** Code as it stands in a line; nothing for nothing. */
export function code(text: string | undefined): string {
  return text === undefined || text === '' ? '' : `\`${text}\``;
}

/** A block of code. */
export function block(language: string, text: string): string {
  return `\`\`\`${language}\n${text.trimEnd()}\n\`\`\`\n`;
}

/** JSON for people: what fits into a line stands in one. */
export function json(value: unknown, indent = ''): string {
  const isList = Array.isArray(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const inner = `${indent}  `;
  const members = Object.entries(value).map(([key, item]) => {
    return isList ? json(item, inner) : `${JSON.stringify(key)}: ${json(item, inner)}`;
  });
  const [open, close] = isList ? ['[', ']'] : ['{', '}'];
  const gap = isList || members.length === 0 ? '' : ' ';
  const line = `${open}${gap}${members.join(', ')}${gap}${close}`;
  if (indent !== '' && indent.length + line.length <= LINE && !line.includes('\n')) return line;
  return `${open}\n${members.map((member) => `${inner}${member}`).join(',\n')}\n${indent}${close}`;
}

/** What stands at the head of every document that is made. */
export function generatedFrom(sources: string): string {
  return `Generated from ${sources} by \`npm run generate:docs\`; do not edit.\n`;
}

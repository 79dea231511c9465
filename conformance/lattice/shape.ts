/** Maps whose keys nobody fixed, and lists that may be empty: what is in them says nothing about the shape. */
const free = new Set([
  'annotations',
  'labels',
  'components',
  'providers',
  'source_config',
  'target_config',
  'limits',
]);

/** Keys and types of a JSON value as text, keys in order; two values of one shape give one text. */
export function shapeOf(value: unknown, key = ''): string {
  if (free.has(key)) return Array.isArray(value) ? 'list' : 'map';
  if (value === null) return 'null';
  if (Array.isArray(value)) return `[${value.length === 0 ? '' : shapeOf(value[0])}]`;
  if (typeof value !== 'object') return typeof value;
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, item]) => `${name}:${shapeOf(item, name)}`).join(', ')}}`;
}

/** The keys and types of a JSON value, as text: two values of one shape give one text. Lists are described by their first item. */
export function shapeOf(value: unknown, isMap: (path: string) => boolean = () => false, path = ''): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return value.length === 0 ? '[]' : `[${shapeOf(value[0], isMap, `${path}[]`)}]`;
  if (typeof value !== 'object') return typeof value;
  if (isMap(path)) return 'map';
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([key, item]) => `${key}:${shapeOf(item, isMap, `${path}.${key}`)}`).join(',')}}`;
}

/** Labels, annotations and configs have keys that nobody fixed. */
export function isFreeMap(path: string): boolean {
  return /(labels|annotations|config|limits)$/.test(path);
}

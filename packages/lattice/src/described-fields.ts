/** One field of a JSON object, in words for people. */
export interface DescribedField<Type extends string = string> {
  readonly type: Type;
  readonly meaning: string;
  /** May be left out. */
  readonly isOptional?: true;
}

/** What a JSON value of a type is called in documents. */
export type JsonTypeName<T> = [T] extends [string]
  ? 'text'
  : [T] extends [number]
    ? 'integer'
    : [T] extends [readonly string[]]
      ? 'list of texts'
      : [T] extends [readonly object[]]
        ? 'list of objects'
        : [T] extends [string | null]
          ? 'text or null'
          : [T] extends [Readonly<Record<string, string>>]
            ? 'map of texts'
            : [T] extends [Readonly<Record<string, string>> | null]
              ? 'map of texts or null'
              : 'object';

/** A description of every field of `T`, checked by the compiler: no field too many or too few, each with its type. */
export type DescribedFields<T> = {
  readonly [Key in keyof T]-?: DescribedField<JsonTypeName<Exclude<T[Key], undefined>>> &
    (undefined extends T[Key] ? { readonly isOptional: true } : { readonly isOptional?: never });
};

/** Descriptions by the name of the field, in the order of the wire. */
export type FieldDescriptions = Readonly<Record<string, DescribedField>>;

/** What differs between an object and its description, as sentences; empty when nothing does. */
export function fieldProblems(fields: FieldDescriptions, object: object): readonly string[] {
  const values = new Map<string, unknown>(Object.entries(object));
  const unknown = [...values.keys()].filter((name) => !Object.hasOwn(fields, name));
  return [
    ...unknown.map((name) => `"${name}" is not described`),
    ...Object.entries(fields).flatMap(([name, { type, isOptional }]) => {
      if (!values.has(name)) return isOptional === true ? [] : [`"${name}" is missing`];
      return isOfType(type, values.get(name)) ? [] : [`"${name}" is not of the type "${type}"`];
    }),
  ];
}

function isOfType(type: string, value: unknown): boolean {
  const [plain = '', orNull] = type.split(' or ');
  if (value === null) return orNull === 'null';
  if (plain === 'text') return typeof value === 'string';
  if (plain === 'integer') return Number.isSafeInteger(value);
  if (plain === 'list of texts') return isList(value, 'string');
  if (plain === 'list of objects') return isList(value, 'object');
  if (typeof value !== 'object' || Array.isArray(value)) return false;
  if (plain === 'map of texts') return isList(Object.values(value), 'string');
  return plain === 'object';
}

function isList(value: unknown, of: 'string' | 'object'): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === of && item !== null);
}

// Filters of the API, such as `item.id in ['milk-1l']`.

/** A text as a value of a filter; nothing where it has both kinds of quotes, which filters cannot write. */
export function quoted(text: string): string | undefined {
  if (!text.includes("'")) return `'${text}'`;
  return text.includes('"') ? undefined : `"${text}"`;
}

/** Holds for these values of a field; nothing where none of them can be written. */
export function isOneOf(field: string, values: readonly string[], isNot = false): string | undefined {
  const list = values.map(quoted).filter((value) => value !== undefined);
  return list.length === 0 ? undefined : `${field} ${isNot ? 'not in' : 'in'} [${list.join(', ')}]`;
}

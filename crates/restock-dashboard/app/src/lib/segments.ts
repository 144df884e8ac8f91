// Who is covered by each segment of the settings, as filters of planned lines: the first segment that holds counts.

import { isOneOf, quoted } from './filter';
import type { LocationRow } from './types';

/** Fields of a segment that planned lines have too. */
const OF_LINES = new Set(['item.abc', 'item.xyz', 'item.id', 'location.id']);
/** So many ids at most stand in a filter. */
const MAX_IDS = 200;

const TEXT = `'[^']*'|"[^"]*"`;
const COMPARISON = new RegExp(`location\\.(\\w+)\\s*(==|!=|not\\s+in|in)\\s*(${TEXT}|\\[[^\\]]*\\])`, 'g');

function valueOf(location: LocationRow, name: string): string {
  if (name === 'kind' || name === 'name') return location[name];
  if (name === 'parent_id') return location.parent_id ?? '';
  return location.attributes[name] ?? '';
}

/** A filter about locations as one about their ids, because planned lines know no more; nothing where that cannot be said. */
export function filterOfLines(where: string, locations: readonly LocationRow[]): string | undefined {
  if (locations.length > MAX_IDS) return undefined;
  const rewritten = where.replace(COMPARISON, (whole, name: string, operator: string, right: string) => {
    if (name === 'id') return whole;
    const values = [...right.matchAll(new RegExp(TEXT, 'g'))].map(([text]) => text.slice(1, -1));
    const isNot = operator === '!=' || operator.startsWith('not');
    const ids = locations.filter((location) => values.includes(valueOf(location, name)) !== isNot).map((one) => one.location_id);
    return isOneOf('location.id', ids) ?? `location.id == ${quoted('')}`;
  });
  const fields = rewritten.replace(new RegExp(TEXT, 'g'), '').match(/\b(?:item|location|source)\.\w+/g) ?? [];
  return fields.every((field) => OF_LINES.has(field)) ? rewritten : undefined;
}

/** A filter of planned lines for each segment, and last for what no segment covers; nothing where it cannot be said. */
export function coverageOf(wheres: readonly string[], locations: readonly LocationRow[]): (string | undefined)[] {
  const own = wheres.map((where) => filterOfLines(where, locations));
  const without = (n: number): string[] | undefined => {
    const before = own.slice(0, n);
    return before.every((one) => one !== undefined) ? before.map((one) => `not (${one})`) : undefined;
  };
  const queries = own.map((one, idx) => {
    const before = without(idx);
    return one === undefined || before === undefined ? undefined : [`(${one})`, ...before].join(' and ');
  });
  return [...queries, without(own.length)?.join(' and ')];
}

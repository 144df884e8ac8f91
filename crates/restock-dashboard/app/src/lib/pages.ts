import { get, type Query } from './api';

interface Paging<P, R> {
  rowsOf: (page: P) => R[];
  /** Where to go on; nothing on the last page. */
  nextOf: (page: P) => string | null;
  parameter: 'cursor' | 'after' | 'from';
  most: number;
}

/** All pages of a list, or nothing where there are more than `most` rows: then they are not worth the way. */
export async function readAll<P, R>(
  path: string,
  query: Query,
  { rowsOf, nextOf, parameter, most }: Paging<P, R>,
): Promise<R[] | undefined> {
  const rows: R[] = [];
  let next: string | undefined;
  do {
    const page = await get<P>(path, { ...query, limit: 1000, [parameter]: next });
    rows.push(...rowsOf(page));
    next = nextOf(page) ?? undefined;
    if (rows.length + (next === undefined ? 0 : 1) > most) return undefined;
  } while (next !== undefined);
  return rows;
}

// What deserves a look: exceptions of the plan, by kind and by place.

import type { ExceptionRow } from './types';

export interface Kind {
  code: string;
  rows: ExceptionRow[];
  money: number;
}

/** Exceptions by kind, the kind with the most money at stake first; rows keep their order. */
export function kindsOf(rows: Iterable<ExceptionRow>): Kind[] {
  const kinds = new Map<string, Kind>();
  for (const row of rows) {
    let kind = kinds.get(row.code);
    if (kind === undefined) kinds.set(row.code, (kind = { code: row.code, rows: [], money: 0 }));
    kind.rows.push(row);
    kind.money += Number(row.expected_money);
  }
  return [...kinds.values()].sort((a, b) => b.money - a.money || (a.code < b.code ? -1 : 1));
}

/** A place as one text, for keys of maps. */
export const placeKey = (item: string, location: string): string => `${item}\n${location}`;

/** Exceptions by place, in the order in which they came: the most money first. */
export function byPlace(rows: Iterable<ExceptionRow>): Map<string, ExceptionRow[]> {
  const places = new Map<string, ExceptionRow[]>();
  for (const row of rows) {
    const key = placeKey(row.item_id, row.location_id);
    const known = places.get(key);
    if (known === undefined) places.set(key, [row]);
    else known.push(row);
  }
  return places;
}

/** The places with the most money at stake: what puts most of it at stake there, and how many exceptions there are. */
export function risksOf(rows: readonly ExceptionRow[], n: number): { row: ExceptionRow; n: number }[] {
  const places = new Map<string, { row: ExceptionRow; n: number }>();
  for (const row of rows) {
    const key = placeKey(row.item_id, row.location_id);
    const known = places.get(key);
    if (known === undefined) places.set(key, { row, n: 1 });
    else known.n += 1;
  }
  const risks = [...places.values()].filter(({ row }) => Number(row.expected_money) > 0);
  return risks.sort((a, b) => Number(b.row.expected_money) - Number(a.row.expected_money)).slice(0, n);
}

/** Where an exception stands; one whose morning has come is open again. */
export type Standing = 'open' | 'acknowledged' | 'snoozed';

export function standingOf(row: ExceptionRow, today: string): Standing {
  if (row.snoozed_until !== null && today < row.snoozed_until) return 'snoozed';
  return row.acknowledged_by === null ? 'open' : 'acknowledged';
}

export const SHOWN = ['open', 'acknowledged', 'snoozed', 'mine', 'all'] as const;
export type Shown = (typeof SHOWN)[number];

/** Exceptions that stand as asked for; mine are those of `name`, however they stand. */
export function standing(rows: readonly ExceptionRow[], shown: Shown, today: string, name: string): ExceptionRow[] {
  if (shown === 'all') return [...rows];
  if (shown === 'mine') return rows.filter((row) => row.assigned_to?.toLowerCase() === name.toLowerCase());
  return rows.filter((row) => standingOf(row, today) === shown);
}

export interface Filter {
  code: string;
  location: string;
  search: string;
}

/** Exceptions that a filter lets through; empty texts let all through. */
export function filtered(rows: readonly ExceptionRow[], { code, location, search }: Filter): ExceptionRow[] {
  const words = search.toLowerCase().split(/\s+/).filter((word) => word !== '');
  return rows.filter((row) => {
    if (code !== '' && row.code !== code) return false;
    if (location !== '' && row.location_id !== location) return false;
    const text = `${row.item_id} ${row.location_id}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

export const EXCEPTION_COLUMNS = [
  'code',
  'item_id',
  'location_id',
  'expected_money',
  'message',
  'message_zh',
  'action',
  'action_zh',
  'id',
  'acknowledged_by',
  'acknowledged_at',
  'snoozed_until',
  'assigned_to',
  'reason',
] as const;

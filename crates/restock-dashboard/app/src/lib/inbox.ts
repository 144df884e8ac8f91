// The list of the inbox: which lines, in which order, in which groups. No page, no server: rows in, entries out.

import { sourceOf } from './names';
import { needsLook, ROUTINE, UNKNOWN, type Look } from './review';
import type { ProposalRow } from './types';

export type SortKey = 'priority' | 'value' | 'item' | 'order_by';

/** What lines are grouped by: source and destination, why they deserve a look, or nothing. */
export type Grouping = 'place' | 'look' | 'none';

export interface View {
  search: string;
  location: string;
  source: string;
  sort: SortKey;
  isDescending: boolean;
  grouping: Grouping;
  /** Which lines: all, those that deserve a look, or those that do not. */
  show: 'all' | 'look' | 'routine';
  folded: ReadonlySet<string>;
}

export interface Group {
  key: string;
  /** Why its lines deserve a look, where that is what they have in common. */
  look?: Look;
  source: string;
  destination: string;
  type: ProposalRow['type'];
  rows: ProposalRow[];
  order_by: string;
  expected_receipt: string;
  value: number;
  priority: number;
}

export type Entry = { kind: 'group'; key: string; group: Group } | { kind: 'line'; key: string; row: ProposalRow };

const amountOf = (text: string | null): number => (text === null ? -1 : Number(text));

const KEYS: Record<SortKey, (row: ProposalRow) => number | string> = {
  priority: (row) => Number(row.priority),
  value: (row) => amountOf(row.value),
  item: (row) => row.item_id,
  order_by: (row) => row.order_by,
};

function compare<T extends string | number>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Lines that the filters of a view let through, sorted. */
export function linesOf(
  rows: Iterable<ProposalRow>,
  view: View,
  look: (row: ProposalRow) => Look,
): ProposalRow[] {
  const words = view.search.toLowerCase().split(/\s+/).filter((word) => word !== '');
  const keyOf = KEYS[view.sort];
  const lines: { key: number | string; row: ProposalRow }[] = [];
  for (const row of rows) {
    if (view.location !== '' && row.destination !== view.location) continue;
    if (view.source !== '' && sourceOf(row) !== view.source) continue;
    if (view.show === 'look' && !needsLook(look(row))) continue;
    if (view.show === 'routine' && look(row) !== ROUTINE) continue;
    if (words.length > 0) {
      const text = `${row.item_id} ${row.planned?.item_name ?? ''} ${sourceOf(row)} ${row.destination}`.toLowerCase();
      if (!words.every((word) => text.includes(word))) continue;
    }
    lines.push({ key: keyOf(row), row });
  }
  const sign = view.isDescending ? -1 : 1;
  lines.sort((a, b) => sign * compare(a.key, b.key) || compare(a.row.proposal_id, b.row.proposal_id));
  return lines.map(({ row }) => row);
}

/** Groups of lines from one source to one location; what must be ordered first, then what puts most at risk, comes first. */
export function groupsOf(lines: readonly ProposalRow[]): Group[] {
  const groups = grouped(lines, (row) => {
    const source = sourceOf(row);
    return { key: `${source}\n${row.destination}`, source };
  });
  return groups.sort((a, b) => compare(a.order_by, b.order_by) || b.priority - a.priority);
}

/** Groups of lines from one source to one location that must be ordered on one day. */
export function groupsByDay(lines: readonly ProposalRow[]): Group[] {
  return grouped(lines, (row) => {
    const source = sourceOf(row);
    return { key: `${row.order_by}\n${source}\n${row.destination}`, source };
  });
}

/** Groups of lines by why they deserve a look: those that do not come first, then what puts most at risk. */
export function groupsByLook(lines: readonly ProposalRow[], look: (row: ProposalRow) => Look): Group[] {
  const groups = grouped(lines, (row) => {
    const why = look(row);
    return { key: `look\n${why}`, source: '', look: why };
  });
  const rank = (group: Group): number => (group.look === ROUTINE ? 0 : group.look === UNKNOWN ? 2 : 1);
  return groups.sort((a, b) => rank(a) - rank(b) || b.priority - a.priority);
}

function grouped(
  lines: readonly ProposalRow[],
  of: (row: ProposalRow) => Pick<Group, 'key' | 'source' | 'look'>,
): Group[] {
  const groups = new Map<string, Group>();
  for (const row of lines) {
    const common = of(row);
    let group = groups.get(common.key);
    if (group === undefined) {
      const { destination, type, order_by, expected_receipt } = row;
      group = { ...common, destination, type, rows: [], order_by, expected_receipt, value: 0, priority: 0 };
      groups.set(common.key, group);
    }
    group.rows.push(row);
    group.value += Number(row.value ?? 0);
    group.priority += Number(row.priority);
    if (row.order_by < group.order_by) group.order_by = row.order_by;
    if (row.expected_receipt < group.expected_receipt) group.expected_receipt = row.expected_receipt;
  }
  return [...groups.values()];
}

export function entriesOf(lines: readonly ProposalRow[], view: View, look: (row: ProposalRow) => Look): Entry[] {
  const line = (row: ProposalRow): Entry => ({ kind: 'line', key: row.proposal_id, row });
  if (view.grouping === 'none') return lines.map(line);
  const entries: Entry[] = [];
  for (const group of view.grouping === 'look' ? groupsByLook(lines, look) : groupsOf(lines)) {
    entries.push({ kind: 'group', key: group.key, group });
    if (!view.folded.has(group.key)) for (const row of group.rows) entries.push(line(row));
  }
  return entries;
}

/** What lines come to. */
export function totalsOf(rows: Iterable<ProposalRow>): { n: number; value: number; priority: number; currency: string } {
  let [n, value, priority, currency] = [0, 0, 0, ''];
  for (const row of rows) {
    n += 1;
    value += Number(row.value ?? 0);
    priority += Number(row.priority);
    currency = row.currency;
  }
  return { n, value, priority, currency };
}

/** Columns of a file of lines; those of the API, so that the file can be read again. */
export const LINE_COLUMNS = [
  'proposal_id',
  'version',
  'state',
  'type',
  'item_id',
  'destination',
  'supplier_id',
  'from_location',
  'quantity',
  'plan_wants',
  'uom',
  'order_multiple',
  'order_uom',
  'unit_cost',
  'value',
  'currency',
  'order_by',
  'expected_receipt',
  'priority',
  'plan_id',
  'n_approvers',
  'reason',
  'order_id',
  'received',
] as const;

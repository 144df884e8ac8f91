import { expect, test } from 'vitest';

import { entriesOf, groupsByLook, groupsOf, linesOf, totalsOf, type View } from '../src/lib/inbox';
import type { PlannedFacts } from '../src/lib/types';
import { proposal } from './fixtures';

const VIEW: View = {
  search: '',
  location: '',
  source: '',
  sort: 'priority',
  isDescending: true,
  grouping: 'place',
  show: 'all',
  folded: new Set(),
};

const ROWS = [
  proposal('a', { priority: '1', value: '100.10' }),
  proposal('b', { priority: '30', item_id: 'rice', value: null, unit_cost: null }),
  proposal('c', { priority: '5', supplier_id: null, from_location: 'dc', order_by: '2026-03-01', type: 'transfer' }),
];
const ids = (rows: { proposal_id: string }[]): string => rows.map((row) => row.proposal_id).join(' ');
const noLook = (): string => 'UNKNOWN';

test('lines are sorted and filtered by what is on the row and by the name', () => {
  expect(ids(linesOf(ROWS, VIEW, noLook))).toBe('b c a');
  expect(ids(linesOf(ROWS, { ...VIEW, sort: 'value' }, noLook)), 'what has no value comes last').toBe('a c b');
  expect(ids(linesOf(ROWS, { ...VIEW, search: 'DAIRY rice' }, noLook))).toBe('b');
  const named = ROWS.map((one) => (one.item_id === 'rice' ? { ...one, planned: { item_name: 'Basmati' } as PlannedFacts } : one));
  expect(ids(linesOf(named, { ...VIEW, search: 'basmati' }, noLook))).toBe('b');
  expect(ids(linesOf(ROWS, { ...VIEW, source: 'dc' }, noLook))).toBe('c');
  expect(ids(linesOf(ROWS, { ...VIEW, location: 'rome' }, noLook))).toBe('');
});

test('what must be ordered first is the first group', () => {
  const groups = groupsOf(linesOf(ROWS, VIEW, noLook));
  expect(groups.map((group) => [group.source, group.destination, ids(group.rows), group.priority])).toEqual([
    ['dc', 'berlin', 'c', 5],
    ['dairy', 'berlin', 'b a', 31],
  ]);
});

test('a folded group shows no lines', () => {
  const lines = linesOf(ROWS, VIEW, noLook);
  expect(entriesOf(lines, VIEW, noLook).map(({ kind }) => kind)).toEqual(['group', 'line', 'group', 'line', 'line']);
  const [first] = groupsOf(lines);
  expect(entriesOf(lines, { ...VIEW, folded: new Set([first!.key]) }, noLook).map(({ kind }) => kind)).toEqual(['group', 'group', 'line', 'line']);
  expect(entriesOf(lines, { ...VIEW, grouping: 'none' }, noLook).map(({ key }) => key)).toEqual(['b', 'c', 'a']);
  expect(totalsOf(ROWS)).toEqual({ n: 3, value: 137.54, priority: 36, currency: 'EUR' });
});

test('lines are grouped by what to look at: the routine ones first, the unknown ones last', () => {
  const looks: Record<string, string> = { a: 'UNKNOWN', b: 'ROUTINE', c: 'LATE_SUPPLY' };
  const look = (row: { proposal_id: string }): string => looks[row.proposal_id] ?? '';
  const view: View = { ...VIEW, grouping: 'look' };
  const groups = groupsByLook(linesOf(ROWS, view, look), look);
  expect(groups.map((group) => [group.look, ids(group.rows)])).toEqual([
    ['ROUTINE', 'b'],
    ['LATE_SUPPLY', 'c'],
    ['UNKNOWN', 'a'],
  ]);
  expect(ids(linesOf(ROWS, { ...view, show: 'look' }, look))).toBe('c');
  expect(ids(linesOf(ROWS, { ...view, show: 'routine' }, look))).toBe('b');
});

test('a hundred thousand lines are grouped in the blink of an eye', () => {
  const many = Array.from({ length: 100_000 }, (_, idx) =>
    proposal(`p${idx}`, { supplier_id: `s${idx % 300}`, priority: String((idx * 7919) % 10_007) }),
  );
  const entries = entriesOf(linesOf(many, VIEW, noLook), VIEW, noLook);
  expect(entries).toHaveLength(100_300);
});

import { expect, test } from 'vitest';

import { entriesOf, groupsOf, linesOf, totalsOf, type View } from '../src/lib/inbox';
import { proposal } from './fixtures';

const VIEW: View = {
  search: '',
  location: '',
  source: '',
  sort: 'priority',
  isDescending: true,
  isGrouped: true,
  folded: new Set(),
};

const ROWS = [
  proposal('a', { priority: '1', value: '100.10' }),
  proposal('b', { priority: '30', item_id: 'rice', value: null, unit_cost: null }),
  proposal('c', { priority: '5', supplier_id: null, from_location: 'dc', order_by: '2026-03-01', type: 'transfer' }),
];
const ids = (rows: { proposal_id: string }[]): string => rows.map((row) => row.proposal_id).join(' ');
const noName = (): string => '';

test('lines are sorted and filtered by what is on the row and by the name', () => {
  expect(ids(linesOf(ROWS, VIEW, noName))).toBe('b c a');
  expect(ids(linesOf(ROWS, { ...VIEW, sort: 'value' }, noName)), 'what has no value comes last').toBe('a c b');
  expect(ids(linesOf(ROWS, { ...VIEW, search: 'DAIRY rice' }, noName))).toBe('b');
  expect(ids(linesOf(ROWS, { ...VIEW, search: 'basmati' }, (row) => (row.item_id === 'rice' ? 'Basmati' : '')))).toBe('b');
  expect(ids(linesOf(ROWS, { ...VIEW, source: 'dc' }, noName))).toBe('c');
  expect(ids(linesOf(ROWS, { ...VIEW, location: 'rome' }, noName))).toBe('');
});

test('what must be ordered first is the first group', () => {
  const groups = groupsOf(linesOf(ROWS, VIEW, noName));
  expect(groups.map((group) => [group.source, group.destination, ids(group.rows), group.priority])).toEqual([
    ['dc', 'berlin', 'c', 5],
    ['dairy', 'berlin', 'b a', 31],
  ]);
});

test('a folded group shows no lines', () => {
  const lines = linesOf(ROWS, VIEW, noName);
  expect(entriesOf(lines, VIEW).map(({ kind }) => kind)).toEqual(['group', 'line', 'group', 'line', 'line']);
  const [first] = groupsOf(lines);
  expect(entriesOf(lines, { ...VIEW, folded: new Set([first!.key]) }).map(({ kind }) => kind)).toEqual(['group', 'group', 'line', 'line']);
  expect(entriesOf(lines, { ...VIEW, isGrouped: false }).map(({ key }) => key)).toEqual(['b', 'c', 'a']);
  expect(totalsOf(ROWS)).toEqual({ n: 3, value: 137.54, priority: 36, currency: 'EUR' });
});

test('a hundred thousand lines are grouped in the blink of an eye', () => {
  const many = Array.from({ length: 100_000 }, (_, idx) =>
    proposal(`p${idx}`, { supplier_id: `s${idx % 300}`, priority: String((idx * 7919) % 10_007) }),
  );
  const entries = entriesOf(linesOf(many, VIEW, noName), VIEW);
  expect(entries).toHaveLength(100_300);
});

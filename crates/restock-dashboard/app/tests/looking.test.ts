import { expect, test } from 'vitest';

import { byPlace, filtered, kindsOf, placeKey, risksOf, SHOWN, standing } from '../src/lib/looking';
import type { ExceptionRow } from '../src/lib/types';

const exception = (code: string, item_id: string, location_id: string, expected_money: string): ExceptionRow => ({
  id: `x_${code} ${item_id} ${location_id}`,
  code,
  item_id,
  location_id,
  expected_money,
  message: '',
  message_zh: '',
  action: '',
  action_zh: '',
  acknowledged_by: null,
  acknowledged_at: null,
  snoozed_until: null,
  assigned_to: null,
  reason: '',
});

const ROWS = [
  exception('ORDER_UNUSUAL', 'milk', 'dc', '90.5'),
  exception('LATE_SUPPLY', 'milk', 'dc', '70'),
  exception('LATE_SUPPLY', 'rice', 'rome', '60'),
  exception('NEW_ITEM_NO_MATCH', 'tea', 'rome', '0'),
];

test('the kind with the most money at stake comes first', () => {
  expect(kindsOf(ROWS).map(({ code, rows, money }) => [code, rows.length, money])).toEqual([
    ['LATE_SUPPLY', 2, 130],
    ['ORDER_UNUSUAL', 1, 90.5],
    ['NEW_ITEM_NO_MATCH', 1, 0],
  ]);
});

test('a place is one risk, by what puts most money at stake there', () => {
  expect(risksOf(ROWS, 5).map(({ row, n }) => [row.code, row.item_id, n])).toEqual([
    ['ORDER_UNUSUAL', 'milk', 2],
    ['LATE_SUPPLY', 'rice', 1],
  ]);
  expect(risksOf(ROWS, 1)).toHaveLength(1);
  expect(byPlace(ROWS).get(placeKey('milk', 'dc'))).toEqual(ROWS.slice(0, 2));
});

test('filters hold together', () => {
  const none = { code: '', location: '', search: '' };
  expect(filtered(ROWS, none)).toEqual(ROWS);
  expect(filtered(ROWS, { ...none, code: 'LATE_SUPPLY', location: 'rome' })).toEqual([ROWS[2]]);
  expect(filtered(ROWS, { ...none, search: 'DC mil' })).toEqual(ROWS.slice(0, 2));
  expect(filtered(ROWS, { ...none, search: 'milk rome' })).toEqual([]);
});

test('what is acknowledged or snoozed is not open, and a snooze ends on the morning of its day', () => {
  const [late, rest] = [{ ...ROWS[1]!, acknowledged_by: 'ada', snoozed_until: '2026-03-02', assigned_to: 'Pia' }, ROWS.toSpliced(1, 1)];
  const n = (today: string): number[] => SHOWN.map((shown) => standing([late, ...rest], shown, today, 'pia').length);
  expect(n('2026-03-01')).toEqual([3, 0, 1, 1, 4]);
  expect(n('2026-03-02')).toEqual([3, 1, 0, 1, 4]);
});

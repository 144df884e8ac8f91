import { expect, test } from 'vitest';

import { cutOffAt, cutOffRecord, cutOffsOf, hoursAndMinutes } from '../src/lib/cut-offs';
import { proposal } from './fixtures';

test('the earliest time to order comes first, and what names no time is due until the end of its day', () => {
  const rows = [
    proposal('p_1', { supplier_id: 'late', order_by: '2026-03-02' }),
    proposal('p_2', { supplier_id: 'never', order_by: '2026-03-02' }),
    proposal('p_3', { supplier_id: 'early', order_by: '2026-03-02', state: 'approved' }),
    proposal('p_4', { supplier_id: 'early', order_by: '2026-03-03' }),
    proposal('p_5', { supplier_id: 'early', order_by: '2026-03-02' }),
  ];
  const times: Record<string, string> = { late: '16:00', early: '9:30' };
  const all = cutOffsOf(rows, (source) => times[source] ?? '');
  expect(all.map(({ group, cut_off }) => [group.order_by, cut_off, group.source])).toEqual([
    ['2026-03-02', '9:30', 'early'],
    ['2026-03-02', '16:00', 'late'],
    ['2026-03-02', '', 'never'],
    ['2026-03-03', '9:30', 'early'],
  ]);
  expect(cutOffRecord(all[0]!)).toMatchObject({ n_lines: 2, n_decided: 1, value: 74.88 });
});

test('the clock counts to a time of the day where one is', () => {
  const at = cutOffAt('2026-03-02', '9:30');
  expect(at).toBe(new Date(2026, 2, 2, 9, 30).getTime());
  expect(hoursAndMinutes(new Date(2026, 2, 2, 7, 19, 30).getTime(), at)).toEqual({ h: 2, m: 10 });
  expect(hoursAndMinutes(new Date(2026, 2, 2, 9, 32).getTime(), at)).toEqual({ h: 0, m: 2 });
  expect(cutOffAt('2026-03-02', 'noon')).toBe(new Date(2026, 2, 3).getTime());
});

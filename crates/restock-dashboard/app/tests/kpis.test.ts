import { expect, test } from 'vitest';

import { byRisk, fillTargetOf, KPI_COLUMNS, kpiRecord, marginOf, segmentTargetsOf } from '../src/lib/kpis';
import type { KpiRow } from '../src/lib/types';

const row = (key: string, change: Partial<KpiRow> = {}): KpiRow => ({
  key,
  name: '',
  n_planned: 10,
  n_unplanned: 0,
  n_proposals: 4,
  order_value: '100',
  n_without_cost: 0,
  fill_rate: [0.8, 0.9],
  n_stockouts: [3, 1],
  n_out_of_stock_now: 1,
  n_stock_assumed: 0,
  stock_value: '500',
  overstock_value: '50',
  waste_value: '5',
  net_gain: '9',
  lost_margin: ['10.50', '2'],
  waiting_margin: ['1', '0'],
  n_exceptions: 2,
  ...change,
});

test('what puts the most margin at risk comes first', () => {
  const rows = [row('b'), row('c', { waiting_margin: ['20', '0'] }), row('a')];
  expect(byRisk(rows).map(({ key }) => key)).toEqual(['c', 'a', 'b']);
  expect(marginOf(row('a'), 0)).toBe(11.5);
});

test('only an objective that asks for a share of demand is a target of it', () => {
  const fill = (target: number) => ({ mode: 'service', type: 'fill_rate', target });
  expect(fillTargetOf(fill(0.97))).toBe(0.97);
  expect(fillTargetOf({ mode: 'service', type: 'cycle', target: 0.97 })).toBeUndefined();
  expect(fillTargetOf(null)).toBeUndefined();
  const segment = (target: number) => ({ where: '', policy: null, objective: fill(target) });
  expect(segmentTargetsOf({ objective: fill(0.97), segments: [segment(0.93), segment(0.98), segment(0.97)] })).toEqual([0.98, 0.93]);
});

test('a file of key figures has every column', () => {
  const record = kpiRecord('location', row('dc'));
  expect(Object.keys(record).sort()).toEqual([...KPI_COLUMNS].sort());
  expect(record.lost_margin_without).toBe('10.50');
  expect(record.fill_rate_with).toBe(0.9);
});

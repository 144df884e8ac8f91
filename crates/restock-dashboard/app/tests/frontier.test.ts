import { expect, test } from 'vitest';

import { ticksBetween } from '../src/lib/chart';
import { curveOf, frontierRecord, presentOf } from '../src/lib/frontier';
import type { FrontierPoint, PlanSummary } from '../src/lib/types';

const summary = (fill: number, orders: string): PlanSummary => ({
  n_planned: 240,
  n_proposals: 100,
  order_value: orders,
  fill_rate: [0.86, fill],
  n_stockouts: [30, 5],
  stock_value: '1000.5',
  overstock_value: '1',
  waste_value: '2',
  net_gain: '7',
  lost_margin: ['9', '3'],
  waiting_margin: ['8', '4'],
  n_exceptions: 1,
});
const points: FrontierPoint[] = [
  { target: null, summary: summary(0.94, '400'), limits: [] },
  { target: 0.99, summary: summary(0.97, '900'), limits: [] },
  { target: 0.8, summary: summary(0.9, '100'), limits: [] },
];

test('the curve goes from the lowest target to the highest, and the plan as it is stands beside it', () => {
  expect(curveOf(points, 'orders')).toEqual([{ target: 0.8, fill: 0.9, money: 100 }, { target: 0.99, fill: 0.97, money: 900 }]);
  expect(presentOf(points, 'stock')).toEqual({ target: null, fill: 0.94, money: 1400.5 });
  expect(presentOf([], 'stock')).toBeUndefined();
});

test('the file has what the plans come to with their orders', () => {
  expect(frontierRecord(points[1] ?? points[0] as FrontierPoint)).toMatchObject({ target: 0.99, fill_rate: 0.97, n_stockouts: 5, lost_margin: '3', waiting_margin: '4' });
});

test('an axis that does not begin at 0 holds all values between round ones', () => {
  expect(ticksBetween(0.931, 0.984)).toEqual([0.92, 0.94, 0.96, 0.98, 1]);
  expect(ticksBetween(5100, 7700)).toEqual([5000, 6000, 7000, 8000]);
  expect(ticksBetween(3, 3).length).toBeGreaterThan(1);
});

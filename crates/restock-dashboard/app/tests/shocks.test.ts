import { expect, test } from 'vitest';

import { dayAfter } from '../src/lib/format';
import { secondsLeft } from '../src/lib/jobs.svelte';
import { shockText, type ShockForm } from '../src/lib/shocks';
import { indicatorRecords, sureOf, worstOf } from '../src/lib/simulations';
import type { SimulatedFuture, SimulatedLine } from '../src/lib/types';

const form: ShockForm = { kind: 'demand', amount: 30, from: '2026-12-01', to: '2026-12-24', scope: 'all', value: '' };

test('a form becomes the text of the API', () => {
  expect(shockText(form)).toBe('demand=+30%@2026-12-01..2026-12-24');
  expect(shockText({ ...form, kind: 'lead_time', amount: -2, to: '' })).toBe('lead_time=-2@2026-12-01');
  expect(shockText({ ...form, kind: 'supplier', scope: 'supplier', value: "O'Hara" })).toBe('supplier=down@2026-12-01..2026-12-24 where source.id == "O\'Hara"');
  expect(shockText({ ...form, kind: 'price', amount: -10, scope: 'filter', value: "item.abc == 'A'" })).toBe("price=-10%@2026-12-01..2026-12-24 where item.abc == 'A'");
});

test('what is not complete is no text', () => {
  expect(shockText({ ...form, to: '2026-11-30' })).toBeUndefined();
  expect(shockText({ ...form, from: '' })).toBeUndefined();
  expect(shockText({ ...form, amount: NaN })).toBeUndefined();
  expect(shockText({ ...form, scope: 'location' })).toBeUndefined();
  expect(dayAfter('2026-12-24', 13)).toBe('2027-01-06');
});

test('the time left is told as it went so far', () => {
  expect(secondsLeft({ done: 25, total: 100 }, 10)).toBe(30);
  expect(secondsLeft({ done: 0, total: 100 }, 10)).toBeUndefined();
  expect(secondsLeft({ done: 100, total: 100 }, 10)).toBeUndefined();
});

const line = (item_id: string, margin: number): SimulatedLine => ({
  item_id,
  item_name: '',
  location_id: 'S1',
  policy: 'auto',
  demand: 10,
  fill_rate: 0.9,
  lost: { mean: margin, low: 0, high: margin },
  lost_margin: { mean: margin, low: 0, high: margin },
  p_stockout: 0.1,
  mean_stock_value: 5,
  n_orders: 2,
  ordered: 4,
  waste: 0,
});
const future = (name: string, lines: SimulatedLine[]): SimulatedFuture => ({ name, kpis: {}, locations: [], lines, stock_value: [], service: [] });

test('the worst lines are those of the last future, each beside itself without the shock', () => {
  const worst = worstOf([future('baseline', [line('a', 1), line('b', 5)]), future('shock', [line('b', 6), line('a', 9), line('c', 0)])]);
  expect(worst.map(({ line: one, before }) => [one.item_id, one.lost_margin.mean, before?.lost_margin.mean])).toEqual([['a', 9, 1], ['b', 6, 5]]);
  expect(worstOf([future('baseline', [line('a', 1)])])[0]?.before).toBeUndefined();
});

test('a difference says something where its interval leaves 0 out', () => {
  const fill = { name: 'fill_rate', unit: 'share', better: 'more' } as const;
  expect(sureOf(fill, { mean: -0.02, low: -0.03, high: -0.01 })).toBe('bad');
  expect(sureOf(fill, { mean: 0.02, low: 0.01, high: 0.03 })).toBe('good');
  expect(sureOf(fill, { mean: 0.02, low: -0.01, high: 0.05 })).toBe('');
  const cost = { mean: 100, low: 90, high: 110 };
  const rows = indicatorRecords({ scenarios: [{ ...future('baseline', []), kpis: { cost } }], difference: null });
  expect(rows.find(({ indicator }) => indicator === 'cost')).toMatchObject({ baseline: 100, baseline_low: 90, shock: undefined });
});

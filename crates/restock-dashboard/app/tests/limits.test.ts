import { expect, test } from 'vitest';

import { limitsOf, sumsOf } from '../src/lib/limits';
import type { OrderGroup, SupplierRow } from '../src/lib/types';
import { proposal } from './fixtures';

const supplier = { supplier_id: 'dairy', min_order_value: '100', min_order_quantity: null, container_volume: 20, container_weight: 1000 } as SupplierRow;
const group = { source: 'dairy', destination: 'berlin', order_by: '2026-03-02', type: 'purchase' as const };
const planned = { supplier_id: 'dairy', destination: 'berlin', order_by: '2026-03-02', source_value: '60', volume: 5, weight: 500 } as OrderGroup;
const rows = [proposal('p_1'), proposal('p_2', { destination: 'bonn', value: '50' }), proposal('p_3', { order_by: '2026-03-03', value: '500' })];

test('a minimum counts all open lines to the supplier that day, edits too', () => {
  const [minimum] = limitsOf(group, supplier, [planned], sumsOf(rows));
  expect(minimum).toMatchObject({ kind: 'minimum', is: 87.44, of: 100 });
  const edited = sumsOf([...rows, proposal('p_4', { value: '12.56' })]);
  expect(limitsOf(group, supplier, [planned], edited)[0]?.share).toBeCloseTo(1);
});

test('who sees only some lines is told what the plan says', () => {
  expect(limitsOf(group, supplier, [planned], undefined)[0]).toMatchObject({ is: 60 });
});

test('a truck is as full as the fuller of volume and weight', () => {
  expect(limitsOf(group, supplier, [planned], sumsOf(rows)).at(-1)).toEqual({ kind: 'truck', share: 0.5, is: 500, of: 1000, unit: 'kg' });
  expect(limitsOf(group, { ...supplier, container_weight: null }, [planned], sumsOf(rows)).at(-1)).toMatchObject({ share: 0.25, unit: 'm³' });
});

test('there is no limit where none is known', () => {
  expect(limitsOf(group, undefined, [planned], sumsOf(rows))).toEqual([]);
  expect(limitsOf({ ...group, type: 'transfer' }, supplier, [planned], sumsOf(rows))).toEqual([]);
  expect(limitsOf(group, { ...supplier, min_order_value: null, container_volume: null, container_weight: null }, [], undefined)).toEqual([]);
});

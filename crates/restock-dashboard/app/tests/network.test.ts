import { expect, test } from 'vitest';

import { bottleneckOf, networkOf, placesOf, type Tables } from '../src/lib/network';
import type { InventoryRow, KpiRow, LineRow, LocationRow, OrderGroup, SupplierRow } from '../src/lib/types';

const supplier = (supplier_id: string) => ({ supplier_id, name: supplier_id.toUpperCase() }) as SupplierRow;
const location = (location_id: string, parent_id: string | null = null) => ({ location_id, name: '', kind: '', parent_id, attributes: {} }) as LocationRow;
const kpi = (key: string, lost: number) => ({ key, n_planned: 2, stock_value: '10', lost_margin: [String(lost), '1'], waiting_margin: ['0', '0'] }) as KpiRow;
const group = (from: Partial<OrderGroup>, destination: string, value: string, change: Partial<OrderGroup> = {}) =>
  ({ supplier_id: null, from_location: null, destination, value, n_lines: 2, order_by: '2026-03-24', minimum_met: true, ...from, ...change }) as OrderGroup;

const TABLES: Tables = {
  suppliers: [supplier('dairy'), supplier('drinks'), supplier('gone')],
  locations: [location('dc'), location('shop', 'dc'), location('kiosk', 'dc')],
  bySupplier: [kpi('dairy', 5), kpi('drinks', 9)],
  byLocation: [kpi('dc', 0), kpi('shop', 3)],
  groups: [
    group({ supplier_id: 'dairy' }, 'dc', '100'),
    group({ supplier_id: 'dairy' }, 'dc', '20', { order_by: '2026-03-23', minimum_met: false }),
    group({ supplier_id: 'drinks' }, 'dc', '50'),
    group({ from_location: 'dc' }, 'shop', '30'),
  ],
};

test('locations stand one column after what they get from', () => {
  const { nodes } = networkOf(TABLES);
  expect(nodes.map(({ id, depth }) => `${depth} ${id}`)).toEqual(['0 s:drinks', '0 s:dairy', '1 l:dc', '2 l:shop', '2 l:kiosk']);
  expect(bottleneckOf(networkOf(TABLES))?.key).toBe('drinks');
});

test('orders of several days on the same way are one', () => {
  const { ways } = networkOf(TABLES);
  expect(ways[0]).toEqual({ from: 's:dairy', to: 'l:dc', proposed: 120, onTheWay: undefined, nLines: 4, orderBy: '2026-03-23', isBelowMinimum: true });
});

test('open orders are worth what their items cost, and cover is by value', () => {
  const line = (item_id: string, on_hand: string, demand_per_day: number) =>
    ({ item_id, location_id: 'dc', supplier_id: 'dairy', from_location: null, on_hand, demand_per_day }) as LineRow;
  const open = { supplier_id: 'dairy', from_location: null, open: '10' };
  const inventory = [{ item_id: 'milk', location_id: 'dc', open_orders: [open] } as unknown as InventoryRow];
  const tables = { ...TABLES, lines: [line('milk', '20', 2), line('gold', '1', 0)], inventory, unitCosts: new Map([['milk', 0.5], ['gold', 30]]) };
  const network = networkOf(tables);
  expect(network.ways.find(({ from }) => from === 's:dairy')?.onTheWay).toBe(5);
  expect(network.ways.find(({ from }) => from === 's:drinks')?.onTheWay).toBe(0);
  const covers = Object.fromEntries(network.nodes.map(({ id, cover }) => [id, cover]));
  expect(covers).toMatchObject({ 'l:dc': 40, 's:dairy': 40, 'l:shop': undefined });
});

test('what has no known source comes from nowhere known, and cover is by units where no cost is known', () => {
  const line = { item_id: 'milk', location_id: 'shop', supplier_id: null, from_location: null, on_hand: '6', demand_per_day: 2 } as LineRow;
  const network = networkOf({ ...TABLES, groups: [group({}, 'shop', '0')], lines: [line], inventory: [], unitCosts: new Map() });
  expect(network.ways).toMatchObject([{ from: 's:', to: 'l:shop', nLines: 2, onTheWay: undefined }]);
  expect(network.nodes.find(({ id }) => id === 's:')).toMatchObject({ name: '', cover: 3 });
});

test('a circle of transfers ends', () => {
  const { nodes } = networkOf({ ...TABLES, groups: [group({ from_location: 'shop' }, 'kiosk', '1'), group({ from_location: 'kiosk' }, 'shop', '1')] });
  expect(nodes).toHaveLength(5);
});

test('what does not fit shares the last place of its column', () => {
  const { nodes } = networkOf({ ...TABLES, locations: Array.from({ length: 200 }, (_, idx) => location(`shop-${idx}`)), byLocation: [] });
  const { places, of, nRows } = placesOf(nodes, 10);
  expect(nRows).toBe(10);
  expect(places.find(({ nFolded }) => nFolded > 0)?.nFolded).toBeGreaterThan(190);
  expect(of.size).toBe(nodes.length);
});

// Suppliers and locations as a network: what goes from where to where, and where it is short. No page: tables in, graph out.

import { marginOf } from './kpis';
import type { InventoryRow, KpiRow, LineRow, LocationRow, OrderGroup, SupplierRow } from './types';

export interface Node {
  /** `s:` and the id of a supplier, or `l:` and that of a location. */
  id: string;
  kind: 'supplier' | 'location';
  key: string;
  /** Empty for where things come from that no table names a source for. */
  name: string;
  /** 0 for suppliers; a location is one further than the furthest that it gets something from. */
  depth: number;
  /** Margin at risk, without the orders and with them. */
  atRisk: [number, number];
  stockValue: number;
  /** Days that usable stock lasts at expected demand, by value; for a supplier the stock of what it supplies. */
  cover: number | undefined;
  n: number;
}

export interface Way {
  from: string;
  to: string;
  /** Value of the proposals of the plan. */
  proposed: number;
  /** Value of open orders, at the purchase cost of items; nothing where it is not known. */
  onTheWay: number | undefined;
  nLines: number;
  orderBy: string | undefined;
  isBelowMinimum: boolean;
}

export interface Network {
  nodes: Node[];
  ways: Way[];
}

export interface Tables {
  suppliers: readonly SupplierRow[];
  locations: readonly LocationRow[];
  bySupplier: readonly KpiRow[];
  byLocation: readonly KpiRow[];
  groups: readonly OrderGroup[];
  /** All lines, all stock and what a unit costs; nothing where they are too many to be read. */
  lines?: readonly LineRow[] | undefined;
  inventory?: readonly InventoryRow[] | undefined;
  unitCosts?: ReadonlyMap<string, number> | undefined;
}

export const supplierId = (key: string): string => `s:${key}`;
export const locationId = (key: string): string => `l:${key}`;

interface From {
  supplier_id: string | null;
  from_location: string | null;
}

/** What no table names a source for comes from here. */
const NOWHERE = supplierId('');

function sourceId({ supplier_id, from_location }: From): string {
  if (supplier_id !== null) return supplierId(supplier_id);
  return from_location === null ? NOWHERE : locationId(from_location);
}

function waysOf({ groups, lines, inventory, unitCosts }: Tables): Way[] {
  const ways = new Map<string, Way>();
  const isKnown = inventory !== undefined && unitCosts !== undefined && unitCosts.size > 0;
  const way = (of: From, destination: string): Way => {
    const [from, to] = [sourceId(of), locationId(destination)];
    const key = `${from}\n${to}`;
    let one = ways.get(key);
    if (one === undefined) {
      one = { from, to, proposed: 0, onTheWay: isKnown ? 0 : undefined, nLines: 0, orderBy: undefined, isBelowMinimum: false };
      ways.set(key, one);
    }
    return one;
  };
  for (const line of lines ?? []) way(line, line.location_id);
  for (const group of groups) {
    const one = way(group, group.destination);
    one.proposed += Number(group.value);
    one.nLines += group.n_lines;
    one.isBelowMinimum ||= !group.minimum_met;
    if (one.orderBy === undefined || group.order_by < one.orderBy) one.orderBy = group.order_by;
  }
  if (isKnown) {
    for (const row of inventory) {
      for (const order of row.open_orders) {
        const one = way(order, row.location_id);
        if (one.onTheWay !== undefined) one.onTheWay += Number(order.open) * (unitCosts.get(row.item_id) ?? 0);
      }
    }
  }
  return [...ways.values()];
}

/** How far each location is from suppliers; those that get from each other in a circle are not counted further. */
function depthsOf(ways: readonly Way[], locations: readonly LocationRow[]): Map<string, number> {
  const sources = new Map<string, string[]>();
  const add = (to: string, from: string): void => void (sources.get(to)?.push(from) ?? sources.set(to, [from]));
  for (const { from, to } of ways) add(to, from);
  for (const { location_id, parent_id } of locations) {
    const id = locationId(location_id);
    if (parent_id !== null && !sources.has(id)) add(id, locationId(parent_id));
  }
  const depths = new Map<string, number>();
  const depthOf = (id: string, below: readonly string[]): number => {
    const known = depths.get(id);
    if (known !== undefined) return known;
    if (id.startsWith('s:')) return 0;
    const from = (sources.get(id) ?? []).filter((source) => source !== id && !below.includes(source));
    const depth = 1 + Math.max(0, ...from.map((source) => depthOf(source, [...below, id])));
    depths.set(id, depth);
    return depth;
  };
  for (const { location_id } of locations) depthOf(locationId(location_id), []);
  for (const { to } of ways) depthOf(to, []);
  return depths;
}

/** Days that stock lasts, by value, of the lines of each node; by units where no cost is known at all. */
function coversOf({ lines, unitCosts }: Tables): Map<string, number> {
  const isByUnits = unitCosts?.size === 0;
  const sums = new Map<string, { stock: number; perDay: number }>();
  for (const line of lines ?? []) {
    const cost = isByUnits ? 1 : unitCosts?.get(line.item_id);
    if (cost === undefined) continue;
    for (const id of [locationId(line.location_id), sourceId(line)]) {
      // What a location sends on is not its own stock.
      if (id !== locationId(line.location_id) && !id.startsWith('s:')) continue;
      let sum = sums.get(id);
      if (sum === undefined) sums.set(id, (sum = { stock: 0, perDay: 0 }));
      sum.stock += Number(line.on_hand) * cost;
      sum.perDay += line.demand_per_day * cost;
    }
  }
  const covers = new Map<string, number>();
  for (const [id, { stock, perDay }] of sums) if (perDay > 0) covers.set(id, stock / perDay);
  return covers;
}

export function networkOf(tables: Tables): Network {
  const ways = waysOf(tables);
  const depths = depthsOf(ways, tables.locations);
  const covers = coversOf(tables);
  const node = (kind: Node['kind'], key: string, name: string, kpis: readonly KpiRow[]): Node => {
    const id = kind === 'supplier' ? supplierId(key) : locationId(key);
    const kpi = kpis.find((row) => row.key === key);
    return {
      id,
      kind,
      key,
      name: name || key,
      depth: kind === 'supplier' ? 0 : (depths.get(id) ?? 1),
      atRisk: kpi ? [marginOf(kpi, 0), marginOf(kpi, 1)] : [0, 0],
      stockValue: Number(kpi?.stock_value ?? 0),
      cover: covers.get(id),
      n: kpi?.n_planned ?? 0,
    };
  };
  const nodes = [
    ...tables.suppliers.map((one) => node('supplier', one.supplier_id, one.name, tables.bySupplier)),
    ...tables.locations.map((one) => node('location', one.location_id, one.name, tables.byLocation)),
  ];
  const known = new Set(nodes.map(({ id }) => id));
  // Sources that a caller may not see, or that left the tables, stand in the graph all the same.
  for (const { from, to } of ways) {
    for (const id of [from, to]) {
      if (known.has(id)) continue;
      known.add(id);
      const isSupplier = id.startsWith('s:');
      nodes.push(node(isSupplier ? 'supplier' : 'location', id.slice(2), '', isSupplier ? tables.bySupplier : tables.byLocation));
    }
  }
  const isUsed = new Set(ways.flatMap(({ from, to }) => [from, to]));
  const kept = nodes.filter(({ id, kind, n }) => kind === 'location' || n > 0 || isUsed.has(id));
  return {
    nodes: kept.sort((a, b) => a.depth - b.depth || b.atRisk[0] - a.atRisk[0] || (a.name < b.name ? -1 : 1)),
    ways: ways.sort((a, b) => b.proposed + (b.onTheWay ?? 0) - a.proposed - (a.onTheWay ?? 0)),
  };
}

/** The supplier with the most margin at risk; nothing where none has any. */
export function bottleneckOf({ nodes }: Network): Node | undefined {
  const suppliers = nodes.filter(({ kind, atRisk }) => kind === 'supplier' && atRisk[0] > 0);
  return suppliers.sort((a, b) => b.atRisk[0] - a.atRisk[0])[0];
}

export interface Place {
  node: Node | undefined;
  id: string;
  column: number;
  row: number;
  /** How many are folded into this one. */
  nFolded: number;
}

export interface Layout {
  places: Place[];
  /** By the id of the node. */
  of: Map<string, Place>;
  nColumns: number;
  nRows: number;
}

/** A place for each node, a column per depth, at most so many in each; the others of a column share its last place. */
export function placesOf(nodes: readonly Node[], most: number): Layout {
  const columns = new Map<number, Node[]>();
  for (const node of nodes) columns.set(node.depth, [...(columns.get(node.depth) ?? []), node]);
  const places: Place[] = [];
  const of = new Map<string, Place>();
  let nRows = 0;
  [...columns.keys()].sort((a, b) => a - b).forEach((depth, column) => {
    const all = columns.get(depth) ?? [];
    const shown = all.length > most ? all.slice(0, most - 1) : all;
    shown.forEach((node, row) => {
      const place = { node, id: node.id, column, row, nFolded: 0 };
      places.push(place);
      of.set(node.id, place);
    });
    const rest = all.slice(shown.length);
    if (rest.length > 0) {
      const place = { node: undefined, id: `more:${depth}`, column, row: shown.length, nFolded: rest.length };
      places.push(place);
      for (const { id } of rest) of.set(id, place);
    }
    nRows = Math.max(nRows, shown.length + (rest.length > 0 ? 1 : 0));
  });
  return { places, of, nColumns: columns.size, nRows };
}

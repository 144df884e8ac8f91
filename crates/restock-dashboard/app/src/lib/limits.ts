// What a supplier asks of an order as a whole, and how far the lines get: its minimum, and its truck or container.

import type { Group } from './inbox';
import type { OrderGroup, ProposalRow, SupplierRow } from './types';

export interface Limit {
  kind: 'minimum' | 'minimum_quantity' | 'truck';
  /** What there is, as a share of what is asked; above 1 a minimum is met, and one truck is not enough. */
  share: number;
  is: number;
  of: number;
  /** What `is` and `of` are counted in, where it is not the currency or the base unit. */
  unit?: 'm³' | 'kg';
}

interface Sum {
  value: number;
  quantity: number;
}

const key = (supplier: string, day: string): string => `${supplier}\n${day}`;

/** What open lines come to by supplier and day to order, over all destinations. */
export function sumsOf(rows: Iterable<ProposalRow>): Map<string, Sum> {
  const sums = new Map<string, Sum>();
  for (const { supplier_id, order_by, value, quantity } of rows) {
    if (supplier_id === null) continue;
    const at = key(supplier_id, order_by);
    let sum = sums.get(at);
    if (sum === undefined) sums.set(at, (sum = { value: 0, quantity: 0 }));
    sum.value += Number(value ?? 0);
    sum.quantity += Number(quantity);
  }
  return sums;
}

type Asked = Pick<Group, 'source' | 'destination' | 'order_by' | 'type'>;

/** The limits of a group of lines. `sums` are of all open lines; nothing where somebody sees only some of them. */
export function limitsOf(
  group: Asked,
  supplier: SupplierRow | undefined,
  planned: readonly OrderGroup[],
  sums: ReadonlyMap<string, Sum> | undefined,
): Limit[] {
  if (supplier === undefined || group.type !== 'purchase') return [];
  const isSame = (one: OrderGroup): boolean =>
    one.supplier_id === group.source && one.destination === group.destination && one.order_by === group.order_by;
  const plan = planned.find(isSame);
  const sum = sums?.get(key(group.source, group.order_by));
  const limits: Limit[] = [];
  const add = (kind: Limit['kind'], is: number | undefined, of: number, unit?: Limit['unit']): void => {
    if (is === undefined || !(of > 0)) return;
    limits.push({ kind, share: is / of, is, of, ...(unit && { unit }) });
  };
  add('minimum', sum?.value ?? (plan && Number(plan.source_value)), Number(supplier.min_order_value ?? 0));
  add('minimum_quantity', sum?.quantity, Number(supplier.min_order_quantity ?? 0));
  const volume = (plan?.volume ?? 0) / (supplier.container_volume ?? Infinity);
  const weight = (plan?.weight ?? 0) / (supplier.container_weight ?? Infinity);
  if (volume >= weight) add('truck', plan?.volume, supplier.container_volume ?? 0, 'm³');
  else add('truck', plan?.weight, supplier.container_weight ?? 0, 'kg');
  return limits;
}

// Lines of a scenario beside those as things are.

import type { DiffLine } from './types';

export const DIFF_COLUMNS = [
  'item_id',
  'location_id',
  'supplier_id',
  'from_location',
  'quantity',
  'quantity_scenario',
  'value',
  'value_scenario',
  'expected_demand',
  'expected_demand_scenario',
  'p_stockout',
  'p_stockout_scenario',
  'days_of_cover',
  'days_of_cover_scenario',
] as const;

export function sourceOfDiff({ source }: Pick<DiffLine, 'source'>): { supplier_id: string | null; from_location: string | null } {
  if (typeof source === 'string') return { supplier_id: null, from_location: null };
  return { supplier_id: source.supplier_id ?? null, from_location: source.location_id ?? null };
}

export function diffRecord(line: DiffLine): Record<(typeof DIFF_COLUMNS)[number], string | number | null> {
  const { item_id, location_id, quantity, value, expected_demand, p_stockout, days_of_cover } = line;
  return {
    item_id,
    location_id,
    ...sourceOfDiff(line),
    quantity: quantity[0],
    quantity_scenario: quantity[1],
    value: value[0],
    value_scenario: value[1],
    expected_demand: expected_demand[0],
    expected_demand_scenario: expected_demand[1],
    p_stockout: p_stockout[0],
    p_stockout_scenario: p_stockout[1],
    days_of_cover: days_of_cover[0],
    days_of_cover_scenario: days_of_cover[1],
  };
}

/** What the orders of a line differ by; nothing where its cost is not known. */
export function moneyOfDiff({ value }: Pick<DiffLine, 'value'>): number | undefined {
  return value[0] === null && value[1] === null ? undefined : Number(value[1] ?? 0) - Number(value[0] ?? 0);
}

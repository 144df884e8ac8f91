// What policies would have cost on the own history, side by side.

import type { Replay, ReplayedPolicy } from './types';

/** Policies that can be replayed; `configured` is what plans use. */
export const REPLAYABLE = ['configured', 'min_max', 'base_stock', 's_S', 'R_s_S', 's_Q', 'days_of_cover'] as const;

/** The cost of one policy after another, the one that plans use or that was asked for first, for bars that share a scale. */
export const mostOf = (policies: readonly ReplayedPolicy[]): number => Math.max(0, ...policies.map(({ kpis }) => kpis.cost));

export const REPLAY_COLUMNS = ['policy', 'kind', 'n_item_locations', 'fill_rate', 'mean_stock_value', 'n_orders', 'waste_value', 'cost', 'holding_cost', 'stockout_cost', 'order_cost', 'waste_cost', 'above_bound'] as const;

export function replayRecord({ policy, kind, n_item_locations, kpis, above_bound }: ReplayedPolicy): Record<(typeof REPLAY_COLUMNS)[number], string | number | null> {
  const { fill_rate, mean_stock_value, n_orders, waste_value, cost, holding_cost, stockout_cost, order_cost, waste_cost } = kpis;
  return { policy, kind, n_item_locations, fill_rate, mean_stock_value, n_orders, waste_value, cost, holding_cost, stockout_cost, order_cost, waste_cost, above_bound };
}

/** Sentences of savings beside the headline, which is the first of them. */
export const otherSavings = ({ savings, headline }: Pick<Replay, 'savings' | 'headline'>): Replay['savings'] => savings.filter(({ sentence }) => sentence !== headline);

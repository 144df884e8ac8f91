// The curve of service against stock: points of plans in, points of a chart out.

import type { FrontierPoint, PlanSummary } from './types';

/** What the service is paid with: orders alone, or stock and orders. */
export const MEASURES = ['orders', 'stock'] as const;
export type Measure = (typeof MEASURES)[number];

export interface CurvePoint {
  target: number | null;
  fill: number;
  money: number;
}

export const fillOf = (summary: Pick<PlanSummary, 'fill_rate'>): number => summary.fill_rate[1];

export function moneyOf(summary: Pick<PlanSummary, 'order_value' | 'stock_value'>, measure: Measure): number {
  return Number(summary.order_value) + (measure === 'stock' ? Number(summary.stock_value) : 0);
}

const pointOf = ({ target, summary }: FrontierPoint, measure: Measure): CurvePoint => ({ target, fill: fillOf(summary), money: moneyOf(summary, measure) });

/** Points of service targets, the lowest first. */
export function curveOf(points: readonly FrontierPoint[], measure: Measure): CurvePoint[] {
  const targets = points.filter(({ target }) => target !== null);
  return targets.map((point) => pointOf(point, measure)).sort((a, b) => (a.target ?? 0) - (b.target ?? 0));
}

/** The plan as things are. */
export function presentOf(points: readonly FrontierPoint[], measure: Measure): CurvePoint | undefined {
  const present = points.find(({ target }) => target === null);
  return present && pointOf(present, measure);
}

export const FRONTIER_COLUMNS = [
  'target',
  'fill_rate',
  'order_value',
  'stock_value',
  'n_proposals',
  'n_stockouts',
  'lost_margin',
  'waiting_margin',
  'overstock_value',
  'waste_value',
] as const;

export function frontierRecord({ target, summary }: FrontierPoint): Record<(typeof FRONTIER_COLUMNS)[number], string | number | null> {
  const { fill_rate, order_value, stock_value, n_proposals, n_stockouts, lost_margin, waiting_margin, overstock_value, waste_value } = summary;
  return {
    target,
    fill_rate: fill_rate[1],
    order_value,
    stock_value,
    n_proposals,
    n_stockouts: n_stockouts[1],
    lost_margin: lost_margin[1],
    waiting_margin: waiting_margin[1],
    overstock_value,
    waste_value,
  };
}

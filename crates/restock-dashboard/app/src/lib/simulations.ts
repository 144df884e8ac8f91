// What a simulation found: indicators with intervals, and the lines that lose most.

import type { Estimate, SimulatedLine, Simulation } from './types';

export interface Indicator {
  name: 'fill_rate' | 'in_stock' | 'cycle_service' | 'lost' | 'mean_stock_value' | 'turns' | 'waste_value' | 'n_orders' | 'cost' | 'holding_cost' | 'stockout_cost' | 'order_cost' | 'waste_cost';
  unit: 'share' | 'units' | 'money';
  better?: 'more' | 'less';
  /** Whether it is a part of the one before. */
  isPart?: boolean;
}

export const INDICATORS: readonly Indicator[] = [
  { name: 'fill_rate', unit: 'share', better: 'more' },
  { name: 'in_stock', unit: 'share', better: 'more' },
  { name: 'cycle_service', unit: 'share', better: 'more' },
  { name: 'lost', unit: 'units', better: 'less' },
  { name: 'mean_stock_value', unit: 'money' },
  { name: 'turns', unit: 'units' },
  { name: 'waste_value', unit: 'money', better: 'less' },
  { name: 'n_orders', unit: 'units' },
  { name: 'cost', unit: 'money', better: 'less' },
  { name: 'holding_cost', unit: 'money', isPart: true },
  { name: 'stockout_cost', unit: 'money', isPart: true },
  { name: 'order_cost', unit: 'money', isPart: true },
  { name: 'waste_cost', unit: 'money', isPart: true },
];

/** Whether the interval of a difference leaves 0 out, and which way. */
export function sureOf({ better }: Indicator, difference: Estimate | null | undefined): 'good' | 'bad' | '' {
  if (better === undefined || !difference || (difference.low <= 0 && difference.high >= 0)) return '';
  return (better === 'more') === difference.low > 0 ? 'good' : 'bad';
}

export const INDICATOR_COLUMNS = ['indicator', 'baseline', 'baseline_low', 'baseline_high', 'shock', 'shock_low', 'shock_high', 'difference', 'difference_low', 'difference_high'] as const;

type Row = Record<(typeof INDICATOR_COLUMNS)[number], string | number | undefined>;

export function indicatorRecords({ scenarios: [base, shock], difference }: Pick<Simulation, 'scenarios' | 'difference'>): Row[] {
  return INDICATORS.map(({ name }) => {
    const [before, after, change] = [base?.kpis[name], shock?.kpis[name], difference?.[name]];
    return {
      indicator: name,
      baseline: before?.mean,
      baseline_low: before?.low,
      baseline_high: before?.high,
      shock: after?.mean,
      shock_low: after?.low,
      shock_high: after?.high,
      difference: change?.mean,
      difference_low: change?.low,
      difference_high: change?.high,
    };
  });
}

export interface WorstLine {
  line: SimulatedLine;
  /** The same line where nothing happens besides. */
  before: SimulatedLine | undefined;
}

/** The lines that lose most margin, those that lose none left out. */
export function worstOf(scenarios: Simulation['scenarios']): WorstLine[] {
  const [base] = scenarios;
  const last = scenarios.at(-1);
  if (base === undefined || last === undefined) return [];
  const key = ({ item_id, location_id }: SimulatedLine): string => `${item_id}\n${location_id}`;
  const known = new Map(last === base ? [] : base.lines.map((line) => [key(line), line]));
  const lines = last.lines.filter((line) => line.lost_margin.mean > 0 || line.lost.mean > 0);
  return lines.toSorted((a, b) => b.lost_margin.mean - a.lost_margin.mean).map((line) => ({ line, before: known.get(key(line)) }));
}

export const WORST_COLUMNS = ['item_id', 'location_id', 'policy', 'demand', 'fill_rate', 'lost', 'lost_margin', 'lost_margin_low', 'lost_margin_high', 'lost_margin_baseline', 'p_stockout', 'mean_stock_value', 'n_orders', 'ordered', 'waste'] as const;

export function worstRecord({ line, before }: WorstLine): Record<(typeof WORST_COLUMNS)[number], string | number | null | undefined> {
  const { lost, lost_margin, ...plain } = line;
  return { ...plain, lost: lost.mean, lost_margin: lost_margin.mean, lost_margin_low: lost_margin.low, lost_margin_high: lost_margin.high, lost_margin_baseline: before?.lost_margin.mean };
}

// Key figures of a plan: what each one is, where it may be compared with, and rows to compare with each other.

import type { KpiRow, Objective, PlanSummary, Policies } from './types';

export type Unit = 'share' | 'places' | 'money';

/** A key figure, as `/v1/kpis` tells it. */
export interface Kpi {
  name: 'fill_rate' | 'stockouts' | 'out_now' | 'margin' | 'stock_value' | 'overstock' | 'waste' | 'order_value';
  unit: Unit;
  /** Which way is better; nothing where it depends. */
  better?: 'more' | 'less';
  /** Without the orders, where the plan tells both. */
  without: (row: KpiRow) => number | undefined;
  /** With the orders. */
  value: (row: KpiRow) => number;
  /** What fills the bar; nothing where there is none. */
  whole: (row: KpiRow) => number | undefined;
}

const none = (): undefined => undefined;

/** Margin that is lost or that others wait for; the first without the orders, the second with them. */
export const marginOf = (row: Pick<KpiRow, 'lost_margin' | 'waiting_margin'>, which: 0 | 1): number =>
  Number(row.lost_margin[which]) + Number(row.waiting_margin[which]);

const pair = (of: (row: KpiRow, which: 0 | 1) => number): Pick<Kpi, 'without' | 'value'> => ({
  without: (row) => of(row, 0),
  value: (row) => of(row, 1),
});
const now = (of: (row: KpiRow) => number): Pick<Kpi, 'without' | 'value'> => ({ without: none, value: of });

const nPlanned = (row: KpiRow): number => row.n_planned;
const stockValue = (row: KpiRow): number => Number(row.stock_value);

export const KPIS: readonly Kpi[] = [
  { name: 'fill_rate', unit: 'share', better: 'more', ...pair((row, which) => row.fill_rate[which]), whole: () => 1 },
  { name: 'margin', unit: 'money', better: 'less', ...pair(marginOf), whole: (row) => marginOf(row, 0) },
  { name: 'stockouts', unit: 'places', better: 'less', ...pair((row, which) => row.n_stockouts[which]), whole: nPlanned },
  { name: 'out_now', unit: 'places', better: 'less', ...now((row) => row.n_out_of_stock_now), whole: nPlanned },
  { name: 'stock_value', unit: 'money', ...now(stockValue), whole: none },
  { name: 'overstock', unit: 'money', better: 'less', ...now((row) => Number(row.overstock_value)), whole: stockValue },
  { name: 'waste', unit: 'money', better: 'less', ...now((row) => Number(row.waste_value)), whole: stockValue },
  { name: 'order_value', unit: 'money', ...now((row) => Number(row.order_value)), whole: none },
];

/** The share of demand that an objective asks to meet; nothing where it asks for something else. */
export function fillTargetOf(objective: Objective | null | undefined): number | undefined {
  return objective?.type === 'fill_rate' ? objective.target : undefined;
}

/** Shares of demand that segments ask to meet, where they differ from the one of all. */
export function segmentTargetsOf(policies: Pick<Policies, 'objective' | 'segments'>): number[] {
  const own = fillTargetOf(policies.objective);
  const targets = policies.segments.map(({ objective }) => fillTargetOf(objective)).filter((target) => target !== undefined);
  return [...new Set(targets)].filter((target) => target !== own).sort((a, b) => b - a);
}

/** Rows with the most margin at risk first. */
export function byRisk(rows: readonly KpiRow[]): KpiRow[] {
  return rows.toSorted((a, b) => marginOf(b, 0) - marginOf(a, 0) || ((a.key ?? '') < (b.key ?? '') ? -1 : 1));
}

/** A table of key figures as a file has it. */
export const KPI_COLUMNS = [
  'by',
  'key',
  'name',
  'n_planned',
  'n_unplanned',
  'n_proposals',
  'order_value',
  'n_without_cost',
  'fill_rate_without',
  'fill_rate_with',
  'n_stockouts_without',
  'n_stockouts_with',
  'n_out_of_stock_now',
  'n_stock_assumed',
  'stock_value',
  'overstock_value',
  'waste_value',
  'net_gain',
  'lost_margin_without',
  'lost_margin_with',
  'waiting_margin_without',
  'waiting_margin_with',
  'n_exceptions',
] as const;

type Written = string | number | null;

function recordOf<T extends PlanSummary>(summary: T) {
  const both = <const N extends string>(name: N, [without, withOrders]: readonly [string | number, string | number]) =>
    ({ [`${name}_without`]: without, [`${name}_with`]: withOrders }) as Record<`${N}_without` | `${N}_with`, string | number>;
  const { fill_rate, n_stockouts, lost_margin, waiting_margin, ...plain } = summary;
  return {
    ...plain,
    ...both('fill_rate', fill_rate),
    ...both('n_stockouts', n_stockouts),
    ...both('lost_margin', lost_margin),
    ...both('waiting_margin', waiting_margin),
  };
}

export const kpiRecord = (by: string, row: KpiRow): Record<(typeof KPI_COLUMNS)[number], Written> => ({ by, ...recordOf(row) });

/** A table of plans as a file has it: what the plan of each scenario comes to. */
export const PLAN_COLUMNS = [
  'scenario',
  'n_planned',
  'n_proposals',
  'order_value',
  'fill_rate_without',
  'fill_rate_with',
  'n_stockouts_without',
  'n_stockouts_with',
  'stock_value',
  'overstock_value',
  'waste_value',
  'net_gain',
  'lost_margin_without',
  'lost_margin_with',
  'waiting_margin_without',
  'waiting_margin_with',
  'n_exceptions',
] as const;

export const planRecord = (scenario: string, summary: PlanSummary): Record<(typeof PLAN_COLUMNS)[number], Written> => ({ scenario, ...recordOf(summary) });

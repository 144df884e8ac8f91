import type { Consequence, Proposal, ProposalRow } from './types';

/** How the item-location of a line is planned. */
export interface Outlook {
  name: string;
  coverBefore: number;
  coverAfter: number;
  stockoutBefore: number;
  stockoutAfter: number;
  health: number;
}

/** What a line says beside its own columns, from the explanation. */
export interface Facts extends Outlook {
  /** Against the usual order, a share; nothing where there is no usual order. */
  deviation: number | undefined;
  usual: string | undefined;
  confidence: number;
  /** Codes of the rules that shaped the quantity. */
  reasons: string[];
  nWarnings: number;
}

/** Codes that every order has, or that say nothing about a decision. */
const PLAIN = new Set([
  'EXPECTED_DEMAND',
  'UNCERTAINTY_BUFFER',
  'USABLE_ON_HAND',
  'ON_ORDER_IN_TIME',
  'ROUND_TO_PACK',
  'TARGET_BELOW_DEMAND',
  'ALREADY_COVERED',
]);

/** From the list of proposals. */
export function outlookOf({ planned }: Pick<ProposalRow, 'planned'>): Outlook | undefined {
  if (!planned) return undefined;
  const { item_name: name, days_of_cover, p_stockout, health } = planned;
  return { name, ...pairs(days_of_cover, p_stockout), health };
}

function pairs([coverBefore, coverAfter]: [number, number], [stockoutBefore, stockoutAfter]: [number, number]): Omit<Outlook, 'name' | 'health'> {
  return { coverBefore, coverAfter, stockoutBefore, stockoutAfter };
}

export function factsOf(row: Pick<ProposalRow, 'quantity'>, proposal: Proposal): Facts {
  const { explanation } = proposal;
  const of = (name: keyof Pick<Consequence, 'days_of_cover' | 'p_stockout'>): [number, number] => [explanation.without_order[name], explanation.with_order[name]];
  const usual = explanation.alternatives.find(([name]) => name === 'usual')?.[1];
  const deviation = usual !== undefined && Number(usual) > 0 ? Number(row.quantity) / Number(usual) - 1 : undefined;
  const reasons = explanation.waterfall
    .filter(({ code, value }) => !PLAIN.has(code) && Number(value) !== 0)
    .map(({ code }) => code);
  return {
    name: proposal.item_name,
    ...pairs(of('days_of_cover'), of('p_stockout')),
    deviation,
    usual,
    health: proposal.health,
    confidence: proposal.confidence,
    // A rule may have acted twice.
    reasons: [...new Set(reasons)],
    nWarnings: explanation.warnings.length,
  };
}

/** How well the data carry the decision. */
export function healthOf(health: number): 'good' | 'fair' | 'poor' {
  return health >= 0.9 ? 'good' : health >= 0.7 ? 'fair' : 'poor';
}

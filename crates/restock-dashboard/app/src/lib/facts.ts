import type { Proposal, ProposalRow } from './types';

/** What a line of the inbox says beside its own columns, from the explanation. */
export interface Facts {
  name: string;
  coverBefore: number;
  coverAfter: number;
  stockoutBefore: number;
  stockoutAfter: number;
  /** Against the usual order, a share; nothing where there is no usual order. */
  deviation: number | undefined;
  usual: string | undefined;
  health: number;
  confidence: number;
  /** Codes of the rules that shaped the quantity, and `UNUSUAL`. */
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

/** A quantity that is this far from the usual one deserves a look. */
export const UNUSUAL = 0.5;

export function factsOf(row: Pick<ProposalRow, 'quantity'>, proposal: Proposal): Facts {
  const { explanation } = proposal;
  const usual = explanation.alternatives.find(([name]) => name === 'usual')?.[1];
  const deviation = usual !== undefined && Number(usual) > 0 ? Number(row.quantity) / Number(usual) - 1 : undefined;
  const reasons = explanation.waterfall
    .filter(({ code, value }) => !PLAIN.has(code) && Number(value) !== 0)
    .map(({ code }) => code);
  if (deviation !== undefined && Math.abs(deviation) >= UNUSUAL) reasons.unshift('UNUSUAL');
  return {
    name: proposal.item_name,
    coverBefore: explanation.without_order.days_of_cover,
    coverAfter: explanation.with_order.days_of_cover,
    stockoutBefore: explanation.without_order.p_stockout,
    stockoutAfter: explanation.with_order.p_stockout,
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

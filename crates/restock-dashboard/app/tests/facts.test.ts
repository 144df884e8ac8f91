import { expect, test } from 'vitest';

import { factsOf, healthOf } from '../src/lib/facts';
import type { Proposal } from '../src/lib/types';

const consequence = (p_stockout: number, days_of_cover: number) => ({
  p_stockout,
  expected_lost_units: 1,
  expected_lost_margin: null,
  expected_waste_units: 0,
  days_of_cover,
});

function explained(usual: string | undefined, ...codes: [string, string][]): Proposal {
  return {
    item_name: 'Milk',
    health: 0.94,
    confidence: 0.88,
    explanation: {
      waterfall: codes.map(([code, value]) => ({ code, value, evidence: [] })),
      alternatives: usual === undefined ? [] : [['usual', usual]],
      without_order: consequence(0.83, 1.7),
      with_order: consequence(0.07, 4.7),
      warnings: [],
    },
  } as unknown as Proposal;
}

test('a line says which rules shaped it, each once, and whether it is unusual', () => {
  const proposal = explained('30', ['EXPECTED_DEMAND', '40'], ['POLICY_ADJUSTMENT', '4'], ['POLICY_ADJUSTMENT', '-1'], ['MOQ', '0']);
  const facts = factsOf({ quantity: '48' }, proposal);
  expect(facts.reasons).toEqual(['UNUSUAL', 'POLICY_ADJUSTMENT']);
  expect(facts.deviation).toBeCloseTo(0.6);
  expect([facts.coverBefore, facts.coverAfter, facts.stockoutBefore, facts.stockoutAfter]).toEqual([1.7, 4.7, 0.83, 0.07]);
});

test('where there is no usual order, nothing is unusual', () => {
  expect(factsOf({ quantity: '48' }, explained(undefined))).toMatchObject({ reasons: [], deviation: undefined });
  expect(factsOf({ quantity: '48' }, explained('0'))).toMatchObject({ reasons: [], deviation: undefined });
  expect([1, 0.9, 0.89, 0.7, 0.69].map(healthOf)).toEqual(['good', 'good', 'fair', 'fair', 'poor']);
});

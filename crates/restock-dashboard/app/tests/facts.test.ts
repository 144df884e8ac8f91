import { expect, test } from 'vitest';

import { factsOf, healthOf, outlookOf } from '../src/lib/facts';
import type { PlannedFacts, Proposal } from '../src/lib/types';

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

test('a line says which rules shaped it, each once, and how far it is from the usual order', () => {
  const proposal = explained('30', ['EXPECTED_DEMAND', '40'], ['POLICY_ADJUSTMENT', '4'], ['POLICY_ADJUSTMENT', '-1'], ['MOQ', '0']);
  const facts = factsOf({ quantity: '48' }, proposal);
  expect(facts.reasons).toEqual(['POLICY_ADJUSTMENT']);
  expect(facts.deviation).toBeCloseTo(0.6);
  expect([facts.coverBefore, facts.coverAfter, facts.stockoutBefore, facts.stockoutAfter]).toEqual([1.7, 4.7, 0.83, 0.07]);
});

test('where there is no usual order, nothing is unusual', () => {
  expect(factsOf({ quantity: '48' }, explained(undefined))).toMatchObject({ reasons: [], deviation: undefined });
  expect(factsOf({ quantity: '48' }, explained('0'))).toMatchObject({ reasons: [], deviation: undefined });
  expect([1, 0.9, 0.89, 0.7, 0.69].map(healthOf)).toEqual(['good', 'good', 'fair', 'fair', 'poor']);
});

test('a line says how it is planned without its explanation', () => {
  const planned = { item_name: 'Milk', on_hand: '3', position: '5', expected_demand: 9, p_stockout: [0.8, 0.1], days_of_cover: [1.5, 6], health: 0.9, exception_codes: [] } as PlannedFacts;
  expect(outlookOf({ planned })).toEqual({ name: 'Milk', coverBefore: 1.5, coverAfter: 6, stockoutBefore: 0.8, stockoutAfter: 0.1, health: 0.9 });
  expect([outlookOf({}), outlookOf({ planned: null })]).toEqual([undefined, undefined]);
});

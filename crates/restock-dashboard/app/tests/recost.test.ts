import { expect, test } from 'vitest';

import { askFor, consequenceOf, gainAgainst } from '../src/lib/recost';
import type { Explained } from '../src/lib/types';

const detail = (quantity: string, p_stockout: number): Explained['line'] =>
  ({ line: { quantity }, explanation: { with_order: { p_stockout } } }) as Explained['line'];

test('what is told of a quantity is told of that quantity only', () => {
  const answer: Explained = { line: detail('48', 0.2), what_if: detail('60', 0.1) };
  expect(askFor('60')).toBe('quantity=60');
  expect(consequenceOf(answer, '60.0')?.p_stockout).toBe(0.1);
  expect(consequenceOf(answer, '48')?.p_stockout).toBe(0.2);
  expect(consequenceOf(answer, '54'), 'the plan came to another quantity').toBeUndefined();
  expect(consequenceOf({ line: answer.line, what_if: null }, '60')).toBeUndefined();
});

test('the gain of packs adds up where all between are listed', () => {
  const marginal = [[1, '3.61'], [2, '3.40'], [4, '0.93'], [5, '-1.02']].map(([pack, net_gain]) => ({ pack: Number(pack), p_sold: 0, net_gain: String(net_gain) }));
  expect(gainAgainst(marginal, 4, 5)).toBeCloseTo(-1.02);
  expect(gainAgainst(marginal, 5, 4)).toBeCloseTo(1.02);
  expect(gainAgainst(marginal, 2, 1)).toBeCloseTo(-3.4);
  expect(gainAgainst(marginal, 4, 2), 'the third is not listed').toBeUndefined();
  expect(gainAgainst(marginal, 4, 4)).toBe(0);
});

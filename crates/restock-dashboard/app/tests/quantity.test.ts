import { expect, test } from 'vitest';

import { baseUnitsOf, isOrderable, orderText, packsOf } from '../src/lib/quantity';
import { proposal } from './fixtures';

test('an edit is in whole packs, or as fine as the plan where there are none', () => {
  const milk = proposal('p');
  expect([orderText(milk, '48'), orderText(milk, '50')]).toEqual(['4 × pack of 12', '50 each']);
  expect([packsOf(milk, '48'), baseUnitsOf(milk, '5')]).toEqual(['4', '60']);
  expect(['1', '0', '-1', '1.5', '1,5', ''].map((typed) => isOrderable(milk, typed))).toEqual([true, false, false, false, false, false]);
  const cheese = proposal('p', { order_multiple: '0', order_uom: 'kg', uom: 'kg', quantity: '2.5', plan_wants: '2.5' });
  expect(['2.7', '3', '2.75', '0.0'].map((typed) => isOrderable(cheese, typed))).toEqual([true, true, false, false]);
  expect(orderText(cheese, '2.5')).toBe('2.5 kg');
});

import { expect, test } from 'vitest';

import { lookOf, needsLook, ROUTINE, UNKNOWN } from '../src/lib/review';

test('a line is routine where nothing stands out in the plan and the data are good', () => {
  const good = { health: 0.95 };
  expect(lookOf([], good)).toBe(ROUTINE);
  expect(lookOf([], { health: 0.89 })).toBe('HEALTH');
  expect(lookOf([{ code: 'LATE_SUPPLY' }, { code: 'ORDER_UNUSUAL' }], good)).toBe('LATE_SUPPLY');
});

test('what is not known is not routine, and is not called a problem', () => {
  expect(lookOf([], undefined)).toBe(UNKNOWN);
  expect(needsLook(UNKNOWN)).toBe(false);
  expect(lookOf([{ code: 'LATE_SUPPLY' }], undefined)).toBe('LATE_SUPPLY');
});

import { expect, test } from 'vitest';

import { chanceOf, reachOf } from '../src/lib/coverage';

test('chance narrows with the root of the number of outcomes', () => {
  expect(chanceOf(0.5, 100)).toBeCloseTo(0.098);
  expect(chanceOf(0.9, 400)).toBeCloseTo(0.0294);
  expect(chanceOf(0.9, 0)).toBe(1);
});

test('an axis reaches a round number beyond the interval', () => {
  expect(reachOf([-0.042, 0.068])).toBeCloseTo(0.1);
  expect(reachOf([-0.3, 0.12])).toBeCloseTo(0.5);
  expect(reachOf([0.011, 0.019])).toBeCloseTo(0.02);
  expect(reachOf([0, 0])).toBe(0.1);
});

import { expect, test } from 'vitest';

import type { WaterfallLine } from '../src/lib/types';
import { placeOf, waterfallOf } from '../src/lib/waterfall';

const lines = (...values: [string, string][]): WaterfallLine[] =>
  values.map(([code, value]) => ({ code, value, evidence: [] }));

test('each bar begins where the one before ended, and the last ends at the quantity', () => {
  const waterfall = waterfallOf(
    lines(['EXPECTED_DEMAND', '62.4'], ['UNCERTAINTY_BUFFER', '11.6'], ['MOQ', '0'], ['USABLE_ON_HAND', '-26'], ['ROUND_TO_PACK', '0.1']),
  );
  expect(waterfall.steps.map(({ line, from, to }) => [line.code, from, to])).toEqual([
    ['EXPECTED_DEMAND', 0, 62.4],
    ['UNCERTAINTY_BUFFER', 62.4, 74],
    ['USABLE_ON_HAND', 74, 48],
    ['ROUND_TO_PACK', 48, 48.1],
  ]);
  expect(waterfall.total).toBe('48.1');
  expect([waterfall.min, waterfall.max]).toEqual([0, 74]);
});

test('the scale has room for sums below 0', () => {
  const waterfall = waterfallOf(lines(['USABLE_ON_HAND', '-30'], ['EXPECTED_DEMAND', '50']));
  expect([waterfall.min, waterfall.max]).toEqual([-30, 20]);
  expect(placeOf({ from: 0, to: -30 }, waterfall)).toEqual({ begin: 0, length: 0.6 });
  expect(placeOf({ from: 0, to: 20 }, waterfall)).toEqual({ begin: 0.6, length: 0.4 });
});

test('nothing is a sum too', () => {
  expect(waterfallOf([])).toEqual({ steps: [], total: '0', min: 0, max: 0 });
  expect(placeOf({ from: 0, to: 0 }, { min: 0, max: 0 })).toEqual({ begin: 0, length: 0 });
});

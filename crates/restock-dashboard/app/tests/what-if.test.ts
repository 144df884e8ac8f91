import { expect, test } from 'vitest';

import type { LineDetail } from '../src/lib/types';
import { askedOf, rangesOf, whatIfText } from '../src/lib/what-if';

test('what is asked becomes the text of the API and comes back from a link', () => {
  const asked = { lead_time: 14, target: 0.95, demand: -0.2, pack: 6 };
  expect(whatIfText(asked)).toBe('lead_time=14,target=0.95,demand=-20%,pack=6');
  expect(askedOf(whatIfText(asked))).toEqual(asked);
  expect(whatIfText({ demand: 0.15000000000000002 })).toBe('demand=+15%');
  expect(whatIfText({})).toBe('');
});

test('what a link says wrongly is left out', () => {
  expect(askedOf('lead_time=soon,demand=1.2,price=3,target=0.9')).toEqual({ target: 0.9 });
  expect(askedOf('')).toEqual({});
});

test('sliders go around what is planned', () => {
  const line = { lead_time_days: 8.81, review_days: 7, target_level: '621', on_hand: '168' };
  const waterfall = [
    { code: 'UNCERTAINTY_BUFFER', value: '300', evidence: [['target', '0.98']] },
    { code: 'ROUND_TO_PACK', value: '2', evidence: [['pack', '7']] },
  ];
  const ranges = rangesOf({ line, explanation: { waterfall }, proposal: null } as unknown as LineDetail);
  expect(ranges.lead_time).toEqual({ min: 0, max: 23, step: 1, base: 8.81 });
  expect(ranges.target.base).toBe(0.98);
  expect(ranges.pack).toEqual({ min: 1, max: 28, step: 1, base: 7 });
  expect(ranges.min_order.base).toBeUndefined();
  expect(ranges.on_hand.max).toBe(1242);
});

import { expect, test } from 'vitest';

import { limitOf, limitSettings, nameOfLimit, roundOf, targetOf, withLimit, withTarget } from '../src/lib/changes';

test('a slider changes its own change and no other', () => {
  const changes = ['demand=+20% where item.abc == \'A\'', 'target=0.9', 'budget all=2000'];
  expect(targetOf(changes)).toBe(0.9);
  expect(withTarget(changes, 0.95)).toEqual(['target=0.95', changes[0], 'budget all=2000']);
  expect(withTarget(changes, undefined)).toEqual([changes[0], 'budget all=2000']);
  expect(targetOf(['target=0.9 where item.abc == \'A\''])).toBeUndefined();
  expect(withLimit(changes, { kind: 'budget', scope: 'all' }, 1500)).toEqual([changes[0], 'target=0.9', 'budget all=1500']);
  expect(withLimit(changes, { kind: 'budget', scope: 'supplier:far' }, 300)).toEqual([...changes, 'budget supplier:far=300']);
  expect(withLimit(changes, { kind: 'budget', scope: 'all' }, undefined)).toEqual(changes.slice(0, 2));
});

test('limits are read as the API writes them', () => {
  expect(limitOf('budget=500')).toEqual({ kind: 'budget', scope: 'all', amount: 500 });
  expect(limitOf('volume location:S 1=2.5')).toEqual({ kind: 'volume', scope: 'location:S 1', amount: 2.5 });
  expect(limitOf('containers supplier:FAR=0')).toEqual({ kind: 'containers', scope: 'supplier:FAR', amount: 0 });
  expect(limitOf('target=0.9')).toBeUndefined();
  expect(limitOf('lead_time=+5 where source.id == \'budget\'')).toBeUndefined();
  expect(nameOfLimit('budget supplier:far')).toEqual({ kind: 'budget', scope: 'supplier:far' });
  expect(nameOfLimit('container supplier:far location:dc')).toBeUndefined();
});

test('settings are those of the plan, and those that only a scenario has', () => {
  const planned = [{ limit: 'budget all', allowed: 3000, used: 2600 }, { limit: 'container supplier:far location:dc', allowed: 33, used: 20 }];
  const settings = limitSettings(planned, ['budget all=2000', 'lines all=40']);
  expect(settings).toEqual([
    { kind: 'budget', scope: 'all', planned: 3000, used: 2600, amount: 2000, max: 10_000, step: 50 },
    { kind: 'lines', scope: 'all', planned: undefined, used: undefined, amount: 40, max: 100, step: 1 },
  ]);
});

test('round numbers are 1, 2 or 5 times a power of ten', () => {
  expect([0.03, 1, 12, 49, 5000, 6000].map(roundOf)).toEqual([0.05, 1, 20, 50, 5000, 10_000]);
  expect(roundOf(0)).toBe(1);
});

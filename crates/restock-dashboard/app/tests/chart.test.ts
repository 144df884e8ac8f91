import { expect, test } from 'vitest';

import { areaPath, dayTicksOf, linePath, stretchesOf, ticksOf } from '../src/lib/chart';

const days = (from: string, n: number): string[] =>
  Array.from({ length: n }, (_, idx) => new Date(Date.parse(`${from}T00:00:00Z`) + idx * 86_400_000).toISOString().slice(0, 10));

test('ticks are round and reach the ends', () => {
  expect(ticksOf(0, 621)).toEqual([0, 200, 400, 600, 800]);
  expect(ticksOf(0, 1)).toEqual([0, 0.5, 1]);
  expect(ticksOf(-30, 70)).toEqual([-50, 0, 50, 100]);
  expect(ticksOf(0, 0)).toEqual([0, 0.5]);
  expect(ticksOf(0, 0.3).at(-1)).toBeCloseTo(0.3);
});

test('days under a chart are not crowded', () => {
  const six = days('2026-03-23', 42);
  expect(dayTicksOf(six, 20, 60)).toEqual([0, 7, 14, 21, 28, 35]);
  expect(dayTicksOf(six.slice(0, 5), 100, 60)).toEqual([0, 1, 2, 3, 4]);
  expect(dayTicksOf(six, 6, 60)).toEqual([0, 14, 28]);
  expect(dayTicksOf(days('2025-09-22', 224), 3, 60).map((idx) => days('2025-09-22', 224)[idx])).toContain('2025-10-01');
  expect(dayTicksOf([], 10, 60)).toEqual([]);
});

test('a line is interrupted where something is missing', () => {
  const same = (value: number): number => value;
  expect(linePath([1, undefined, 2, 3], 5, same, same)).toBe('M5.0 1.0M7.0 2.0L8.0 3.0');
  expect(areaPath([1, 2], [3, 4], 0, same, same)).toBe('M0.0 3.0L1.0 4.0L1.0 2.0L0.0 1.0Z');
  expect(areaPath([], [], 0, same, same)).toBe('');
});

test('neighbours for which something holds are one stretch', () => {
  expect(stretchesOf([0, 1, 1, 0, 1], (value) => value === 1)).toEqual([[1, 2], [4, 4]]);
  expect(stretchesOf([], () => true)).toEqual([]);
});

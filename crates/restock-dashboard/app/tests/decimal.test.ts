import { expect, test } from 'vitest';

import { add, compare, divide, isDecimal, isZero, subtract, times } from '../src/lib/decimal';

test('sums are exact where floats are not', () => {
  expect(add('0.1', '0.2')).toBe('0.3');
  expect(add('318.2', '-168')).toBe('150.2');
  expect(subtract('1', '1.000')).toBe('0');
  expect(add('-0.05', '0.01')).toBe('-0.04');
  expect(add('9007199254740993', '1')).toBe('9007199254740994');
});

test('packs', () => {
  expect(times('57', '7')).toBe('399');
  expect(times('2.65', '399')).toBe('1057.35');
  expect(divide('399', '7')).toEqual({ whole: '57', isExact: true });
  expect(divide('2.5', '0.5')).toEqual({ whole: '5', isExact: true });
  expect(divide('400', '7').isExact).toBe(false);
  expect(() => divide('1', '0')).toThrow('division by 0');
});

test('what is no decimal is refused', () => {
  for (const text of ['', '1,5', '1e3', '.5', '--1', 'NaN']) {
    expect(isDecimal(text), text).toBe(false);
    expect(() => add(text, '1')).toThrow(RangeError);
  }
  expect(compare('1.50', '1.5')).toBe(0);
  expect(isZero('-0.00')).toBe(true);
});

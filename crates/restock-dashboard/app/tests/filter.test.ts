import { expect, test } from 'vitest';

import { isOneOf, quoted } from '../src/lib/filter';

test('texts are quoted by the quotes that they do not have', () => {
  expect(quoted('milk-1l')).toBe("'milk-1l'");
  expect(quoted("o'brien")).toBe('"o\'brien"');
  expect(quoted(`'"`)).toBeUndefined();
  expect(isOneOf('item.id', ['a', `'"`, 'b'])).toBe("item.id in ['a', 'b']");
  expect(isOneOf('location.id', ['dc'], true)).toBe("location.id not in ['dc']");
  expect(isOneOf('item.id', [])).toBeUndefined();
});

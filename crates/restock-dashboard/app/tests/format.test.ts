import { expect, test } from 'vitest';

import { change, days, daysBetween, money, percent, sentence, signed, symbol, units } from '../src/lib/format';

const MINUS = '−';

test('quantities keep three decimals and have a true minus', () => {
  expect(units('en-GB', '1234.5670')).toBe('1,234.567');
  expect(units('zh-CN', '1234.5')).toBe('1,234.5');
  expect(signed('en-GB', '-26')).toBe(`${MINUS}26`);
  expect(signed('en-GB', '11.6')).toBe('+11.6');
  expect(signed('en-GB', '0')).toBe('0');
});

test('money has cents below 10,000 and its currency', () => {
  expect(money('en-GB', '37.4', 'EUR')).toBe('€37.40');
  expect(money('en-GB', '-37.4', 'EUR')).toBe(`${MINUS}€37.40`);
  expect(money('en-GB', '12345.6', 'EUR')).toBe('€12,346');
  expect(money('zh-CN', '37.4', 'CNY')).toBe('¥37.40');
  expect(money('en-GB', '5', 'shells')).toBe('5.00');
  expect(symbol('en-GB', 'USD')).toBe('$');
});

test('what is nearly certain is not said to be certain', () => {
  expect(percent('en-GB', 0)).toBe('0%');
  expect(percent('en-GB', 0.001)).toBe('<1%');
  expect(percent('en-GB', 0.5)).toBe('50%');
  expect(percent('en-GB', 0.9979)).toBe('>99%');
  expect(percent('en-GB', 1)).toBe('100%');
  expect(change('en-GB', -0.11)).toBe(`${MINUS}11%`);
});

test('days', () => {
  expect(days('en-GB', 7.66)).toBe('7.7');
  expect(days('en-GB', 44.65)).toBe('45');
  expect(days('en-GB', 9_999)).toBe('∞');
  expect(daysBetween('2026-03-23', '2026-04-09')).toBe(17);
  expect(daysBetween('2026-03-28', '2026-03-30'), 'the clock is set forward between them').toBe(2);
});

test('a clause becomes a sentence', () => {
  expect(sentence('look at why before approving')).toBe('Look at why before approving.');
  expect(sentence('399 proposed, 75 is usual (24 overdue)')).toBe('399 proposed, 75 is usual (24 overdue).');
  expect(sentence('Done.')).toBe('Done.');
  expect(sentence('批准前请查看原因')).toBe('批准前请查看原因');
});

// Exact decimals as the API writes them: quantities that are sent back must not pass through floats.

interface Decimal {
  digits: bigint;
  scale: number;
}

function parse(text: string): Decimal {
  const [, sign = '', whole = '', fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text.trim()) ?? [];
  if (whole === '') throw new RangeError(`"${text}" is not a decimal`);
  const digits = BigInt(whole + fraction);
  return { digits: sign === '' ? digits : -digits, scale: fraction.length };
}

function write({ digits, scale }: Decimal): string {
  const sign = digits < 0n ? '-' : '';
  const text = (digits < 0n ? -digits : digits).toString().padStart(scale + 1, '0');
  const whole = text.slice(0, text.length - scale);
  const fraction = text.slice(text.length - scale).replace(/0+$/, '');
  return sign + whole + (fraction === '' ? '' : `.${fraction}`);
}

function aligned(a: string, b: string): [bigint, bigint, number] {
  const [left, right] = [parse(a), parse(b)];
  const scale = Math.max(left.scale, right.scale);
  const up = ({ digits, scale: own }: Decimal): bigint => digits * 10n ** BigInt(scale - own);
  return [up(left), up(right), scale];
}

export function isDecimal(text: string): boolean {
  return /^-?\d+(\.\d+)?$/.test(text.trim());
}

export function add(a: string, b: string): string {
  const [left, right, scale] = aligned(a, b);
  return write({ digits: left + right, scale });
}

export function subtract(a: string, b: string): string {
  const [left, right, scale] = aligned(a, b);
  return write({ digits: left - right, scale });
}

export function times(a: string, b: string): string {
  const [left, right] = [parse(a), parse(b)];
  return write({ digits: left.digits * right.digits, scale: left.scale + right.scale });
}

/** How many whole parts fit, and whether nothing is left over. */
export function divide(a: string, b: string): { whole: string; isExact: boolean } {
  const [left, right] = aligned(a, b);
  if (right === 0n) throw new RangeError('division by 0');
  return { whole: (left / right).toString(), isExact: left % right === 0n };
}

export function compare(a: string, b: string): number {
  const [left, right] = aligned(a, b);
  return left < right ? -1 : left > right ? 1 : 0;
}

export const isZero = (text: string): boolean => parse(text).digits === 0n;

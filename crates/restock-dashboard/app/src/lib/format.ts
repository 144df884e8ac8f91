// Numbers, money and dates as people read them. Texts of the API go in, texts in the language of the page come out.

const MINUS = '−';
const formats = new Map<string, Intl.NumberFormat>();

function number(locale: string, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const { style, currency, signDisplay, minimumFractionDigits, maximumFractionDigits } = options;
  const key = `${locale} ${style} ${currency} ${signDisplay} ${minimumFractionDigits} ${maximumFractionDigits}`;
  let format = formats.get(key);
  if (format === undefined) {
    format = new Intl.NumberFormat(locale, options);
    formats.set(key, format);
  }
  return format;
}

const proper = (text: string): string => text.replace('-', MINUS);

/** Units, with at most three decimals. */
export function units(locale: string, value: string | number): string {
  return proper(number(locale, { maximumFractionDigits: 3 }).format(Number(value)));
}

/** Units with a sign, for steps of a sum. */
export function signed(locale: string, value: string | number): string {
  return proper(number(locale, { maximumFractionDigits: 3, signDisplay: 'exceptZero' }).format(Number(value)));
}

/** An amount without its currency: whole numbers from 10,000 on. */
export function amount(locale: string, value: string | number): string {
  const digits = Math.abs(Number(value)) >= 10_000 ? 0 : 2;
  return proper(number(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(Number(value)));
}

/** An amount with its currency. */
export function money(locale: string, value: string | number, currency: string): string {
  if (!/^[A-Z]{3}$/.test(currency)) return amount(locale, value);
  const digits = Math.abs(Number(value)) >= 10_000 ? 0 : 2;
  const options = { style: 'currency', currency, currencyDisplay: 'narrowSymbol' } as const;
  return proper(
    number(locale, { ...options, minimumFractionDigits: digits, maximumFractionDigits: digits }).format(Number(value)),
  );
}

/** The sign of a currency, such as €. */
export function symbol(locale: string, currency: string): string {
  if (!/^[A-Z]{3}$/.test(currency)) return currency;
  const parts = number(locale, { style: 'currency', currency, currencyDisplay: 'narrowSymbol' }).formatToParts(0);
  return parts.find(({ type }) => type === 'currency')?.value ?? currency;
}

/** A probability or share; what is nearly 0 or 1 says so. */
export function percent(locale: string, value: number): string {
  if (value > 0 && value < 0.005) return `<${number(locale, { style: 'percent' }).format(0.01)}`;
  if (value < 1 && value > 0.995) return `>${number(locale, { style: 'percent' }).format(0.99)}`;
  return number(locale, { style: 'percent' }).format(value);
}

/** A change against something usual, such as +25 %. */
export function change(locale: string, value: number): string {
  return proper(number(locale, { style: 'percent', signDisplay: 'exceptZero', maximumFractionDigits: 0 }).format(value));
}

/** The API tells at most so many days: such stock is as good as never used up. */
const FOR_EVER = 9_999;

/** Days of cover: one decimal below ten days. */
export function days(locale: string, value: number): string {
  if (value >= FOR_EVER) return '∞';
  return number(locale, { maximumFractionDigits: value < 10 ? 1 : 0 }).format(value);
}

/** A calendar day such as `2026-03-23`. */
export function day(locale: string, iso: string, style: 'short' | 'long' = 'short'): string {
  const options: Intl.DateTimeFormatOptions =
    style === 'long'
      ? { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' }
      : { weekday: 'short', day: 'numeric', month: 'short' };
  return new Intl.DateTimeFormat(locale, { ...options, timeZone: 'UTC' }).format(new Date(`${iso}T00:00:00Z`));
}

/** An instant, in the time zone of whoever looks. */
export function instant(locale: string, iso: string): string {
  return new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(iso));
}

/** How long ago an instant was. */
export function ago(locale: string, iso: string, now: number): string {
  const seconds = Math.round((Date.parse(iso) - now) / 1000);
  const format = new Intl.RelativeTimeFormat(locale, { numeric: 'auto', style: 'short' });
  const steps: [Intl.RelativeTimeFormatUnit, number][] = [['day', 86_400], ['hour', 3_600], ['minute', 60]];
  for (const [unit, length] of steps) {
    if (Math.abs(seconds) >= length) return format.format(Math.trunc(seconds / length), unit);
  }
  return format.format(seconds, 'second');
}

/** Whole days between two calendar days. */
export function daysBetween(from: string, to: string): number {
  return Math.round((Date.parse(`${to}T00:00:00Z`) - Date.parse(`${from}T00:00:00Z`)) / 86_400_000);
}

/** So many days after a day. */
export function dayAfter(day: string, n: number): string {
  const at = new Date(`${day}T00:00:00Z`);
  at.setUTCDate(at.getUTCDate() + n);
  return at.toISOString().slice(0, 10);
}

/** The day that it is for whoever looks. */
export function today(now: number): string {
  const at = new Date(now);
  const two = (n: number): string => String(n).padStart(2, '0');
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

/** A clause as a sentence: with a capital, and a full stop where the language has one. */
export function sentence(text: string): string {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[a-z0-9)%]$/i.test(text) ? `${begun}.` : begun;
}

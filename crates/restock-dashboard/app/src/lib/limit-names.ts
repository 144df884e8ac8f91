import { money, symbol, units } from './format';
import { named, speech, t } from './language.svelte';

/** A scope in words: `supplier:FAR` is "supplier FAR". */
export function scopeName(scope: string): string {
  if (scope === 'all' || scope === '') return t('scope.all');
  const [kind = '', ...id] = scope.split(':');
  return t('scope.of', { kind: named('scope', kind), id: id.join(':') });
}

/** A limit in words, such as `budget supplier:FAR`. */
export function limitName(limit: string): string {
  const [kind = '', ...scopes] = limit.split(' ');
  return t('limit.of', { kind: named('limit', kind), scope: scopes.map(scopeName).join(', ') || t('scope.all') });
}

/** An amount of a limit with its unit. */
export function limitAmount(kind: string, amount: number, currency: string): string {
  if (kind === 'budget') return Number.isInteger(amount) ? `${symbol(speech.locale, currency)}${units(speech.locale, amount)}` : money(speech.locale, amount, currency);
  const text = units(speech.locale, Number(amount.toFixed(kind === 'volume' ? 2 : 1)));
  return kind === 'volume' ? `${text} m³` : kind === 'weight' ? `${text} kg` : text;
}

import { t, named, speech } from './language.svelte';
import { percent, units } from './format';
import type { ProposalRow } from './types';

/** The size of a unit such as `pack of 12`, which is a unit of ours. */
export function packSize(uom: string): string | undefined {
  return /^pack of (\S+)$/.exec(uom)?.[1];
}

/** The base or order unit in words; units that are not ours are the user's. */
export function unitName(uom: string): string {
  const size = packSize(uom);
  if (size !== undefined) return t('unit.pack_of', { n: size });
  return uom === 'each' || uom === 'unit' ? t(`unit.${uom}`) : uom;
}

export function sourceOf(row: Pick<ProposalRow, 'supplier_id' | 'from_location'>): string {
  return row.supplier_id ?? row.from_location ?? '–';
}

/** A name made of several, such as `price_log_ratio_promotion_and_trend`. */
export function driverName(name: string): string {
  // Signals and local events have names of the user: `signal:rain 2026-03-02 +12 %`.
  if (name.startsWith('signal:')) return name.slice('signal:'.length);
  if (name === 'recent_level' || name === 'asked_for_by_others' || name === 'override') return named('driver', name);
  const known = ['price_log_ratio', 'promotion', 'holiday', 'trend', 'weekday'];
  const rest = known.reduce((text, word) => text.replaceAll(word, `|${word}|`), name.replace('_and_trend', '|trend|'));
  const parts = rest.split('|').map((part) => part.replace(/^_+|_+$/g, '')).filter((part) => part !== '');
  return parts.map((part) => named('driver', part)).join(t('driver.and'));
}

/** A change in the syntax of `restock explain --what-if`, such as `lead_time=14`. */
export function whatIfName(text: string): string {
  const [name = '', value = ''] = text.split('=');
  if (name === 'target') return t('what_if.target', { value: percent(speech.locale, Number(value)) });
  if (name === 'lead_time') return t('what_if.lead_time', { value: units(speech.locale, value) });
  if (name === 'demand') return t('what_if.demand', { value: value.replace('-', '−') });
  return text;
}

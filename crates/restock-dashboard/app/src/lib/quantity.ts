import { divide, isDecimal, isZero, times } from './decimal';
import { units } from './format';
import { speech, t } from './language.svelte';
import { packSize, unitName } from './names';
import type { Proposal, ProposalRow } from './types';

type Ordered = Pick<ProposalRow, 'order_multiple' | 'order_uom' | 'uom'>;

/** Whether it is ordered in packs of more than one base unit. */
export function hasPacks(row: Ordered): boolean {
  return !isZero(row.order_multiple) && row.order_multiple !== '1';
}

/** A quantity in order units; nothing where it is no whole number of them. */
export function packsOf(row: Ordered, quantity: string): string | undefined {
  if (!hasPacks(row)) return undefined;
  const { whole, isExact } = divide(quantity, row.order_multiple);
  return isExact ? whole : undefined;
}

/** Base units of a number of order units. */
export function baseUnitsOf(row: Ordered, packs: string): string {
  return hasPacks(row) ? times(packs, row.order_multiple) : packs;
}

/** A quantity as it is ordered, such as `57 × pack of 7`. */
export function orderText(row: Ordered, quantity: string): string {
  const packs = packsOf(row, quantity);
  return packs === undefined ? baseText(row, quantity) : orderUnitsText({ quantity: packs, uom: row.order_uom });
}

/** A quantity that is in order units already. */
export function orderUnitsText({ quantity, uom }: Proposal['order_units']): string {
  const [n, size] = [units(speech.locale, quantity), packSize(uom)];
  if (size !== undefined) return t('quantity.packs', { n, size });
  return uom === 'each' || uom === 'unit' ? `${n} ${unitName(uom)}` : t('quantity.units', { n, unit: unitName(uom) });
}

/** A quantity in base units, such as `399 each`. */
export function baseText(row: Ordered, quantity: string): string {
  return `${units(speech.locale, quantity)} ${unitName(row.uom)}`;
}

/** Decimals of what a plan orders: an edit may be as fine. */
export function decimalsOf(quantity: string): number {
  return quantity.split('.')[1]?.length ?? 0;
}

/** Whether a number that somebody typed can be ordered. */
export function isOrderable(row: Ordered & Pick<ProposalRow, 'plan_wants'>, typed: string): boolean {
  if (!isDecimal(typed) || typed.startsWith('-') || isZero(typed)) return false;
  if (hasPacks(row)) return decimalsOf(typed) === 0;
  return decimalsOf(typed) <= (row.order_multiple === '1' ? 0 : decimalsOf(row.plan_wants));
}

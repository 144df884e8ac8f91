// What could happen besides, in the syntax of `/v1/simulations`.

import { quoted } from './filter';

export const SHOCKS = ['demand', 'lead_time', 'supplier', 'price'] as const;
export type ShockKind = (typeof SHOCKS)[number];

/** For which item-locations: all, those with a value of a field, or those of a filter that somebody wrote. */
export const SCOPES = { all: '', location: 'location.id', supplier: 'source.id', item: 'item.id', class: 'item.abc', filter: '' } as const;
export type Scope = keyof typeof SCOPES;

export interface ShockForm {
  kind: ShockKind;
  /** Per cent of demand or price, or days of lead time. */
  amount: number;
  from: string;
  /** Empty: to the end. */
  to: string;
  scope: Scope;
  /** A value of the field of the scope, or a filter. */
  value: string;
}

const signed = (value: number): string => `${value < 0 ? '' : '+'}${value}`;

/** The text of the API; nothing where the form is not complete. */
export function shockText({ kind, amount, from, to, scope, value }: ShockForm): string | undefined {
  if (from === '' || (to !== '' && to < from) || (kind !== 'supplier' && !Number.isFinite(amount))) return undefined;
  const change = kind === 'supplier' ? 'down' : kind === 'lead_time' ? signed(amount) : `${signed(amount)}%`;
  const span = to === '' ? from : `${from}..${to}`;
  const text = `${kind}=${change}@${span}`;
  if (scope === 'all') return text;
  if (value.trim() === '') return undefined;
  if (scope === 'filter') return `${text} where ${value.trim()}`;
  const written = quoted(value.trim());
  return written === undefined ? undefined : `${text} where ${SCOPES[scope]} == ${written}`;
}

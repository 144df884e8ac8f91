// Changes of a scenario: texts of the API, and what sliders and fields set of them.

import type { LimitRow } from './types';

export const LIMIT_KINDS = ['budget', 'volume', 'weight', 'lines', 'containers'] as const;
export type LimitKind = (typeof LIMIT_KINDS)[number];

/** A limit by kind and scope, such as `budget` and `supplier:FAR`. */
export interface LimitName {
  kind: LimitKind;
  scope: string;
}

/** The service target of all item-locations; nothing where the changes leave it as planned. */
export function targetOf(changes: readonly string[]): number | undefined {
  const text = changes.findLast((change) => /^target=[\d.]+$/.test(change));
  return text === undefined ? undefined : Number(text.slice('target='.length));
}

export function withTarget(changes: readonly string[], target: number | undefined): string[] {
  const others = changes.filter((change) => !/^target=[\d.]+$/.test(change));
  return target === undefined ? others : [`target=${Number(target.toFixed(4))}`, ...others];
}

/** A limit that a change sets. */
export function limitOf(change: string): (LimitName & { amount: number }) | undefined {
  const [, name = '', scope = '', amount = ''] = /^(\w+)(?:\s+([^=]*[^=\s]))?\s*=\s*([\d.]+)$/.exec(change.trim()) ?? [];
  const kind = LIMIT_KINDS.find((one) => one === name);
  if (kind === undefined || !Number.isFinite(Number(amount)) || amount === '') return undefined;
  return { kind, scope: scope === '' ? 'all' : scope, amount: Number(amount) };
}

export const limitText = ({ kind, scope }: LimitName, amount: number): string => `${kind} ${scope}=${Number(amount.toFixed(4))}`;

export function withLimit(changes: readonly string[], name: LimitName, amount: number | undefined): string[] {
  const isSame = (change: string): boolean => {
    const limit = limitOf(change);
    return limit?.kind === name.kind && limit.scope === name.scope;
  };
  if (amount === undefined) return changes.filter((change) => !isSame(change));
  const text = limitText(name, amount);
  return changes.some(isSame) ? changes.map((change) => (isSame(change) ? text : change)) : [...changes, text];
}

/** The kind and scope of a limit of a plan; nothing for what no change can set, such as the fill of a container. */
export function nameOfLimit(limit: string): LimitName | undefined {
  const [name = '', ...rest] = limit.split(' ');
  const kind = LIMIT_KINDS.find((one) => one === name);
  return kind === undefined ? undefined : { kind, scope: rest.join(' ') || 'all' };
}

export interface LimitSetting extends LimitName {
  /** As things are; nothing where there is no such limit. */
  planned: number | undefined;
  used: number | undefined;
  /** What the scenario sets. */
  amount: number | undefined;
  /** How far a slider goes. */
  max: number;
  step: number;
}

/** A round number of about this size: 1, 2 or 5 times a power of ten. */
export function roundOf(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return Number((([1, 2, 5, 10].find((factor) => factor * power >= value * (1 - 1e-9)) ?? 10) * power).toPrecision(12));
}

/** Limits as things are, then those that only the changes have. */
export function limitSettings(limits: readonly Pick<LimitRow, 'limit' | 'allowed' | 'used'>[], changes: readonly string[]): LimitSetting[] {
  const settings = new Map<string, LimitSetting>();
  const add = (name: LimitName, more: Partial<LimitSetting>): void => {
    const key = `${name.kind} ${name.scope}`;
    const { planned, used, amount } = { ...settings.get(key), ...more };
    const most = Math.max(2 * (planned ?? 0), 1.2 * (used ?? 0), planned === undefined ? 2 * (amount ?? 0) : (amount ?? 0));
    const isWhole = name.kind === 'lines' || name.kind === 'containers';
    const max = roundOf(most || 10);
    const step = isWhole ? 1 : Math.min(roundOf(max / 200), name.kind === 'budget' ? Infinity : 1);
    settings.set(key, { ...name, planned, used, amount, max, step });
  };
  for (const { limit, allowed, used } of limits) {
    const name = nameOfLimit(limit);
    if (name !== undefined) add(name, { planned: allowed, used });
  }
  for (const change of changes) {
    const limit = limitOf(change);
    if (limit !== undefined) add(limit, { amount: limit.amount });
  }
  return [...settings.values()];
}

// What could be different about an item-location: sliders here, `what_if` of the API there.

import { evidenceOf } from './evidence';
import type { LineDetail } from './types';

export const WHAT_IFS = ['lead_time', 'target', 'demand', 'pack', 'review', 'on_hand', 'min_order'] as const;
export type WhatIf = (typeof WHAT_IFS)[number];

/** What somebody asks for; what is not in it stays as planned. Targets are shares, demand is a change as a share. */
export type Asked = Partial<Record<WhatIf, number>>;

export interface Range {
  min: number;
  max: number;
  step: number;
  /** As planned; nothing where the explanation does not tell it. */
  base: number | undefined;
}

const MAX_DAYS = 3650;

function evidenceNumber(detail: LineDetail, codes: string[], key: string): number | undefined {
  const line = detail.explanation.waterfall.find(({ code, evidence }) => codes.includes(code) && evidence.some(([name]) => name === key));
  const text = evidenceOf(line, key);
  return text === undefined ? undefined : Number(text);
}

/** How far each slider goes, around what is planned. */
export function rangesOf(detail: LineDetail): Record<WhatIf, Range> {
  const { line } = detail;
  const order = detail.proposal?.order_units;
  const perUnit = order && Number(order.quantity) > 0 ? Number(detail.proposal?.quantity) / Number(order.quantity) : undefined;
  const pack = evidenceNumber(detail, ['ROUND_TO_PACK'], 'pack') ?? perUnit;
  const most = Math.max(10, Math.ceil(2 * Math.max(Number(line.target_level), Number(line.on_hand))));
  const days = (base: number): number => Math.min(MAX_DAYS, Math.max(14, Math.ceil(2.5 * base)));
  return {
    lead_time: { min: 0, max: days(line.lead_time_days), step: 1, base: line.lead_time_days },
    target: { min: 0.5, max: 0.995, step: 0.005, base: evidenceNumber(detail, ['UNCERTAINTY_BUFFER', 'TARGET_BELOW_DEMAND'], 'target') },
    demand: { min: -0.5, max: 1, step: 0.05, base: 0 },
    pack: { min: 1, max: Math.max(24, Math.ceil(4 * (pack ?? 1))), step: 1, base: pack },
    review: { min: 1, max: days(line.review_days), step: 1, base: line.review_days },
    on_hand: { min: 0, max: most, step: 1, base: Number(line.on_hand) },
    min_order: { min: 0, max: most, step: 1, base: evidenceNumber(detail, ['MOQ'], 'min_order') },
  };
}

/** Without the last digits that floats add. */
const tidy = (value: number): string => String(Number(value.toFixed(4)));

/** The text of the API, such as `lead_time=14,demand=-20%`; empty where nothing is asked. */
export function whatIfText(asked: Asked): string {
  const parts = WHAT_IFS.flatMap((name) => {
    const value = asked[name];
    if (value === undefined) return [];
    return [name === 'demand' ? `demand=${value < 0 ? '' : '+'}${tidy(value * 100)}%` : `${name}=${tidy(value)}`];
  });
  return parts.join(',');
}

/** The same from a link; what cannot be read is left out. */
export function askedOf(text: string): Asked {
  const asked: Asked = {};
  for (const part of text.split(',')) {
    const [, name, number, percent] = /^(\w+)=([+-]?\d+(?:\.\d+)?)(%?)$/.exec(part.trim()) ?? [];
    const known = WHAT_IFS.find((one) => one === name);
    if (known === undefined || (known === 'demand') !== (percent === '%')) continue;
    asked[known] = known === 'demand' ? Number(number) / 100 : Number(number);
  }
  return asked;
}

// What another quantity would do: only what the API tells of exactly that quantity.

import { compare } from './decimal';
import type { Consequence, Explained, Explanation } from './types';

/** What the API is asked: that so much is ordered. */
export const askFor = (quantity: string): string => `quantity=${quantity}`;

/** What an order of `quantity` would do; nothing where the answer is about another quantity. */
export function consequenceOf({ line, what_if }: Explained, quantity: string): Consequence | undefined {
  const found = [line, what_if].find((one) => one !== null && compare(one.line.quantity, quantity) === 0);
  return found?.explanation.with_order;
}

/** What `asked` packs gain against `planned`; nothing where not every pack between is listed. */
export function gainAgainst(marginal: Explanation['marginal'], planned: number, asked: number): number | undefined {
  const [low, high] = [Math.min(planned, asked), Math.max(planned, asked)];
  const between = marginal.filter(({ pack }) => low < pack && pack <= high);
  if (between.length !== high - low) return undefined;
  const gain = between.reduce((sum, { net_gain }) => sum + Number(net_gain), 0);
  return asked < planned ? -gain : gain;
}

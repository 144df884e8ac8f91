// Review by exception: which lines can be approved without a look, and why the others cannot.

import { healthOf, UNUSUAL, type Facts } from './facts';
import type { ExceptionRow } from './types';

/** The code of an exception, or one of these. */
export type Look = string;

/** Nothing stands out, the quantity is near the usual one, and the data are good. */
export const ROUTINE = 'ROUTINE';
/** The explanation is not there yet, so nobody can tell. */
export const UNKNOWN = 'UNKNOWN';

type Judged = Pick<Facts, 'deviation' | 'health'>;

/** Why a line deserves a look: the exception of its place with the most money, or what its explanation says. */
export function lookOf(exceptions: readonly Pick<ExceptionRow, 'code'>[], facts: Judged | undefined): Look {
  const [first] = exceptions;
  if (first !== undefined) return first.code;
  if (facts === undefined) return UNKNOWN;
  if (Math.abs(facts.deviation ?? 0) >= UNUSUAL) return 'ORDER_UNUSUAL';
  return healthOf(facts.health) === 'good' ? ROUTINE : 'HEALTH';
}

export const needsLook = (look: Look): boolean => look !== ROUTINE && look !== UNKNOWN;

// Review by exception: which lines can be approved without a look, and why the others cannot.

import { healthOf, type Outlook } from './facts';
import type { ExceptionRow } from './types';

/** The code of an exception, or one of these. */
export type Look = string;

/** Nothing stands out in the plan, and the data are good. */
export const ROUTINE = 'ROUTINE';
/** Nobody plans, or the plan is not there yet, so nobody can tell. */
export const UNKNOWN = 'UNKNOWN';

type Judged = Pick<Outlook, 'health'>;

/** Why a line deserves a look: the exception of its place with the most money, or its data. */
export function lookOf(exceptions: readonly Pick<ExceptionRow, 'code'>[], planned: Judged | undefined): Look {
  const [first] = exceptions;
  if (first !== undefined) return first.code;
  if (planned === undefined) return UNKNOWN;
  return healthOf(planned.health) === 'good' ? ROUTINE : 'HEALTH';
}

export const needsLook = (look: Look): boolean => look !== ROUTINE && look !== UNKNOWN;

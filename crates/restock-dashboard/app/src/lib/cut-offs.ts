// Until when orders can be placed: the day of a line and the time of its supplier.

import { groupsByDay, type Group } from './inbox';
import type { ProposalRow } from './types';

export interface CutOff {
  group: Group;
  /** Such as `14:00`; empty where the source names no time. */
  cut_off: string;
  nDecided: number;
}

const DAY_MS = 86_400_000;

/** The instant of a time on a day where whoever looks is; where no time can be read, the end of the day. */
export function cutOffAt(day: string, cutOff: string): number {
  const at = Date.parse(`${day}T${isTime(cutOff) ? cutOff.padStart(5, '0') : '00:00'}`);
  return isTime(cutOff) ? at : at + DAY_MS;
}

export const isTime = (text: string): boolean => /^([01]?\d|2[0-3]):[0-5]\d$/.test(text);

/** Lines by day, source and destination: those that must be ordered first come first, then those with the most at risk. */
export function cutOffsOf(rows: readonly ProposalRow[], cutOffOf: (source: string) => string): CutOff[] {
  const all = groupsByDay(rows).map((group) => {
    const cut_off = cutOffOf(group.source);
    const nDecided = group.rows.filter((row) => row.state === 'approved').length;
    return { at: cutOffAt(group.order_by, cut_off), found: { group, cut_off, nDecided } };
  });
  all.sort((a, b) => a.at - b.at || b.found.group.priority - a.found.group.priority);
  return all.map(({ found }) => found);
}

/** Whole minutes between two instants as hours and minutes. */
export function hoursAndMinutes(from: number, to: number): { h: number; m: number } {
  const minutes = Math.floor(Math.abs(to - from) / 60_000);
  return { h: Math.floor(minutes / 60), m: minutes % 60 };
}

export const CUT_OFF_COLUMNS = ['order_by', 'cut_off', 'source', 'destination', 'n_lines', 'n_decided', 'value'] as const;

export function cutOffRecord({ group, cut_off, nDecided }: CutOff): Record<(typeof CUT_OFF_COLUMNS)[number], string | number> {
  const { order_by, source, destination, rows, value } = group;
  return { order_by, cut_off, source, destination, n_lines: rows.length, n_decided: nDecided, value };
}

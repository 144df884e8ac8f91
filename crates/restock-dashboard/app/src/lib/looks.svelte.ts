import { exceptions } from './exceptions.svelte';
import { lookOf, type Look } from './review';
import type { ProposalRow } from './types';

/** Why a line deserves a look, as far as exceptions and the plan are there. */
export function look(row: ProposalRow): Look {
  // Without exceptions nothing can be called routine.
  const isKnown = exceptions.rows !== undefined;
  return lookOf(exceptions.of(row.item_id, row.destination), isKnown ? (row.planned ?? undefined) : undefined);
}

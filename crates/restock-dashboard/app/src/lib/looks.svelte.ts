import { exceptions } from './exceptions.svelte';
import { explanations } from './explanations.svelte';
import { factsOf } from './facts';
import { lookOf, type Look } from './review';
import type { ProposalRow } from './types';

/** Why a line deserves a look, as far as exceptions and explanations are there. */
export function look(row: ProposalRow): Look {
  void explanations.tick;
  const proposal = explanations.peek(row.proposal_id);
  // Without exceptions nothing can be called routine.
  const isKnown = exceptions.rows !== undefined && proposal !== undefined;
  return lookOf(exceptions.of(row.item_id, row.destination), isKnown ? factsOf(row, proposal) : undefined);
}

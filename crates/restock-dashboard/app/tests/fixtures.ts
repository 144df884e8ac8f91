import type { ProposalRow } from '../src/lib/types';

/** A proposal of four cases of milk, with what a test changes. */
export function proposal(id: string, change: Partial<ProposalRow> = {}): ProposalRow {
  return {
    proposal_id: id,
    version: 1,
    state: 'proposed',
    type: 'purchase',
    item_id: 'milk-1l',
    destination: 'berlin',
    supplier_id: 'dairy',
    from_location: null,
    quantity: '48',
    plan_wants: '48',
    uom: 'each',
    order_multiple: '12',
    order_uom: 'pack of 12',
    unit_cost: '0.78',
    value: '37.44',
    currency: 'EUR',
    order_by: '2026-03-02',
    expected_receipt: '2026-03-04',
    priority: '9.10',
    plan_id: 'pl_1',
    approvals: [],
    n_approvers: 1,
    reason: '',
    order_id: null,
    received: '0',
    ...change,
  };
}

import { Refusal } from './api';
import { desk } from './desk.svelte';
import { explanations } from './explanations.svelte';
import { named, t, tn } from './language.svelte';
import { orderText } from './quantity';
import { session } from './session.svelte';
import { toasts } from './toasts.svelte';
import type { ProposalRow } from './types';

/** What the last approval was about, for the key that undoes it; it may still be on its way. */
let approval: Promise<ProposalRow[]> = Promise.resolve([]);

export function itemName(row: ProposalRow): string {
  return row.planned?.item_name || explanations.proposal(row.proposal_id)?.item_name || row.item_id;
}

export function approve(rows: ProposalRow[]): Promise<ProposalRow[]> {
  approval = approveNow(rows);
  return approval;
}

/** Gives what was approved. */
async function approveNow(rows: ProposalRow[]): Promise<ProposalRow[]> {
  const who = session.who;
  const mine = rows.filter((row) => who != null && !row.approvals.includes(who.name.toLowerCase()));
  const [only] = mine;
  if (who == null || only === undefined) return [];
  try {
    await desk.approve(mine, who.name.toLowerCase());
  } catch (error) {
    refuse('failed.approve', error);
    return [];
  }
  const waits = mine.length === 1 && only.approvals.length + 1 < only.n_approvers;
  const text =
    mine.length > 1
      ? t('done.approved', { lines: tn('lines', mine.length) })
      : t(waits ? 'done.approved.first' : 'done.approved.one', { item: itemName(only) });
  toasts.say({ tone: 'good', text, action: { label: t('action.undo'), run: () => void takeBack(mine) } });
  return mine;
}

export async function reject(rows: ProposalRow[], reason: string): Promise<boolean> {
  try {
    await desk.reject(rows, reason);
  } catch (error) {
    refuse('failed.reject', error);
    return false;
  }
  toasts.say({ tone: 'plain', text: t('done.rejected', { lines: tn('lines', rows.length) }) });
  return true;
}

export async function edit(row: ProposalRow, quantity: string, reason: string): Promise<boolean> {
  try {
    await desk.edit(row, quantity, reason);
  } catch (error) {
    refuse('failed.edit', error);
    return false;
  }
  const [after, before] = [orderText(row, quantity), orderText(row, row.quantity)];
  toasts.say({ tone: 'good', text: t('done.edited', { item: itemName(row), quantity: after, before }) });
  return true;
}

/** Takes approvals back: the API has no way to do so but an edit to the same quantity, which waits for approval again. */
export async function takeBack(rows: ProposalRow[]): Promise<void> {
  approval = Promise.resolve([]);
  let n = 0;
  for (const { proposal_id } of rows) {
    const now = desk.get(proposal_id);
    if (now === undefined) continue;
    try {
      await desk.edit(now, now.quantity, t('undo.reason'));
      n += 1;
    } catch (error) {
      refuse('failed.undo', error);
      break;
    }
  }
  if (n > 0) toasts.say({ tone: 'plain', text: t('done.undone', { lines: tn('lines', n) }) });
}

export async function undoLast(): Promise<void> {
  const rows = await approval;
  if (rows.length > 0) await takeBack(rows);
}

function refuse(title: 'failed.approve' | 'failed.reject' | 'failed.edit' | 'failed.undo', error: unknown): void {
  const current = error instanceof Refusal && error.kind === 'stale' ? error.problem.current : undefined;
  if (current === undefined) {
    toasts.refuse(t(title), error);
    return;
  }
  const [state, quantity] = [named('state', current.state), orderText(current, current.quantity)];
  toasts.say({ tone: 'bad', text: t(title), detail: t('failed.stale', { item: itemName(current), state, quantity }) });
}

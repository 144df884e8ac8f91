import { patch, post, remove } from './api';
import type { ApiRequest, RuleRow } from './types';

/** Sends a request that the server wrote down. */
export async function send({ method, path, body }: ApiRequest): Promise<void> {
  if (method === 'DELETE') await remove(path);
  else if (method === 'PATCH') await patch(path, body);
  else await post(path, body);
}

/** Whom a rule is about: its item or category, and its location; nothing for all of them. */
export function whomOf(rule: RuleRow): [what: string | null, where: string | null] {
  return [rule.item_id ?? rule.category, rule.location_id];
}

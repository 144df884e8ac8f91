import { t } from './language.svelte';
import { changeAndSay } from './toasts.svelte';

/** Ids that somebody typed with commas between them; `null` means all. */
export function locationsOf(text: string): string[] | null {
  const ids = text.split(/[,，]/).map((id) => id.trim()).filter((id) => id !== '');
  return ids.length === 0 ? null : ids;
}

export function locationsText(locations: string[] | null): string {
  return locations === null ? t('admin.all') : locations.join(', ');
}

/** Changes something that admins look after, and reads the list again. */
export const change = (send: () => Promise<unknown>, then: () => void): Promise<boolean> =>
  changeAndSay(send, { done: t('admin.done'), failed: t('admin.failed') }, then);

import { t } from './language.svelte';
import { toasts } from './toasts.svelte';

/** Ids that somebody typed with commas between them; `null` means all. */
export function locationsOf(text: string): string[] | null {
  const ids = text.split(/[,，]/).map((id) => id.trim()).filter((id) => id !== '');
  return ids.length === 0 ? null : ids;
}

export function locationsText(locations: string[] | null): string {
  return locations === null ? t('admin.all') : locations.join(', ');
}

/** Does a change, says what became of it, and reads the list again. */
export async function change(send: () => Promise<unknown>, then: () => void): Promise<boolean> {
  try {
    await send();
  } catch (error) {
    toasts.refuse(t('admin.failed'), error);
    return false;
  }
  toasts.say({ tone: 'good', text: t('admin.done') });
  then();
  return true;
}

import { dialogs } from './dialogs.svelte';
import { go } from './route.svelte';

const PAGES: Record<string, string> = {
  t: 'today',
  o: 'orders',
  x: 'exceptions',
  f: 'forecast',
  n: 'network',
  w: 'what-if',
  p: 'performance',
  s: 'policies',
  m: 'models',
  d: 'data',
};
const G_MS = 1_200;

/** Whether a key is meant for a field and not for the page. */
export function isTyping(event: KeyboardEvent): boolean {
  const target = event.target as HTMLElement;
  return event.ctrlKey || event.metaKey || event.altKey || target.matches('input:not([type=checkbox]), select, textarea');
}

/** Keys that work on every page: `?`, and `g` with the first letter of a page. */
export function listenForKeys(): () => void {
  let gAt = 0;
  const hear = (event: KeyboardEvent): void => {
    if (isTyping(event) || dialogs.open !== undefined) return;
    const page = Date.now() - gAt < G_MS ? PAGES[event.key] : undefined;
    gAt = event.key === 'g' ? Date.now() : 0;
    if (page !== undefined) {
      event.stopImmediatePropagation();
      go(page);
    } else if (event.key === '?') {
      dialogs.show({ kind: 'keys' });
    }
  };
  addEventListener('keydown', hear, { capture: true });
  return () => removeEventListener('keydown', hear, { capture: true });
}

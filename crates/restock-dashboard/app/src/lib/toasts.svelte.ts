import { Refusal } from './api';
import { t } from './language.svelte';

export interface Toast {
  id: number;
  tone: 'good' | 'bad' | 'plain';
  text: string;
  detail?: string;
  action?: { label: string; run: () => void };
}

const SECONDS = { good: 8, plain: 6, bad: 14 };

class Toasts {
  all = $state.raw<Toast[]>([]);
  #next = 1;

  say(toast: Omit<Toast, 'id'>): void {
    const id = this.#next++;
    this.all = [...this.all.slice(-3), { ...toast, id }];
    setTimeout(() => this.dismiss(id), SECONDS[toast.tone] * 1_000);
  }

  dismiss(id: number): void {
    this.all = this.all.filter((toast) => toast.id !== id);
  }

  /** Says what went wrong and the way out. */
  refuse(text: string, error: unknown): void {
    this.say({ tone: 'bad', text, detail: reasonOf(error) });
  }
}

/** Why something was not done, in a sentence or two. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Refusal)) return String(error);
  if (error.kind === 'unreachable') return t('error.unreachable');
  const { detail, fix } = error.problem;
  return fix === undefined ? detail : `${detail}. ${fix[0]?.toUpperCase()}${fix.slice(1)}.`;
}

export const toasts = new Toasts();

interface Said {
  done: string;
  failed: string;
  detail?: string;
  tone?: Toast['tone'];
  action?: NonNullable<Toast['action']>;
}

/** Does a change, says what became of it, and reads again what it changed. */
export async function changeAndSay(send: () => Promise<unknown>, { done, failed, tone = 'good', ...more }: Said, then: () => void): Promise<boolean> {
  try {
    await send();
  } catch (error) {
    toasts.refuse(failed, error);
    return false;
  }
  toasts.say({ tone, text: done, ...more });
  then();
  return true;
}

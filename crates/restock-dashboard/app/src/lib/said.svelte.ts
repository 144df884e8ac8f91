// Messages that the server tells in English, in the language of this browser. They are asked for together, once each.

import { SvelteMap } from 'svelte/reactivity';

import { post, Refusal } from './api';
import { speech } from './language.svelte';

/** As many as the server says at once. */
const AT_ONCE = 200;

/** English and Chinese; nothing where the server knows no other words. */
const known = new SvelteMap<string, string | null>();
const asked = new Set<string>();
let waiting: string[] = [];

async function ask(): Promise<void> {
  const messages = waiting.slice(0, AT_ONCE);
  waiting = waiting.slice(AT_ONCE);
  if (waiting.length > 0) queueMicrotask(() => void ask());
  try {
    const answer = await post<{ messages: (string | null)[] }>('/v1/messages:translate', { language: 'zh-CN', messages });
    messages.forEach((message, idx) => known.set(message, answer.messages[idx] ?? null));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    // It is asked for again when it is shown again.
    messages.forEach((message) => asked.delete(message));
  }
}

/** A message of the server in the language of the page, or as it was told until that is known. */
export function said(message: string): string {
  return speech.language === 'zh' ? (known.get(message) ?? message) : message;
}

/** Asks for what is about to be shown. */
export function wish(message: string): void {
  if (speech.language !== 'zh' || asked.has(message)) return;
  asked.add(message);
  waiting.push(message);
  if (waiting.length === 1) queueMicrotask(() => void ask());
}

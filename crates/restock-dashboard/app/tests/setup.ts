import { vi } from 'vitest';

// The language of a page is kept in the browser.
vi.stubGlobal('localStorage', { getItem: () => 'en', setItem: () => {} });

const { speech } = await import('../src/lib/language.svelte');
await speech.begin();

import type { en } from '../words/en';

export type Language = 'en' | 'zh';
export type Key = keyof typeof en;
export type Parts = Record<string, string | number>;

type Words = Record<Key, string>;

/** A browser reads the words of one language; those of the other come when somebody chooses it. */
const DICTIONARIES: Record<Language, () => Promise<Words>> = {
  en: async () => (await import('../words/en')).en,
  zh: async () => (await import('../words/zh')).zh,
};
const formsOf = (locale: string) => ({ plural: new Intl.PluralRules(locale), number: new Intl.NumberFormat(locale) });
const FORMS = { en: formsOf('en-GB'), zh: formsOf('zh-CN') };
const KEPT = 'restock.language';

function initial(): Language {
  const kept = localStorage.getItem(KEPT);
  if (kept === 'en' || kept === 'zh') return kept;
  return navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en';
}

class Speech {
  language = $state<Language>(initial());
  words = $state.raw({} as Words);

  /** Reads the words of this browser's language; nothing can be said before. */
  async begin(): Promise<void> {
    this.words = await DICTIONARIES[this.language]();
  }

  /** Speaks another language from when its words are there; where they cannot be read, it stays with this one. */
  async set(language: Language): Promise<void> {
    const words = await DICTIONARIES[language]().catch(() => undefined);
    if (words === undefined) return;
    [this.language, this.words] = [language, words];
    localStorage.setItem(KEPT, language);
  }

  /** The tag for number and date formats and for the page. */
  get locale(): string {
    return this.language === 'zh' ? 'zh-CN' : 'en-GB';
  }
}

export const speech = new Speech();

/** A message, with `{name}` filled in. */
export function t(key: Key, parts: Parts = {}): string {
  return fill(speech.words[key], parts);
}

/** A message for a number of things: `key.one` or `key.other`, with `{n}` written as a number. */
export function tn(key: string, n: number, parts: Parts = {}): string {
  const { plural, number } = FORMS[speech.language];
  const form = plural.select(n) === 'one' ? 'one' : 'other';
  const shown = number.format(n);
  return fill(speech.words[`${key}.${form}` as Key], { n: shown, ...parts });
}

/** A message that may be missing, such as the name of a code that a later server sends. */
export function known(prefix: string, code: string): string | undefined {
  const words: Record<string, string | undefined> = speech.words;
  return words[`${prefix}.${code}`];
}

/** The same, or else the code as words. */
export function named(prefix: string, code: string): string {
  return known(prefix, code) ?? code.replaceAll('_', ' ').toLowerCase();
}

function fill(text: string, parts: Parts): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(parts[name] ?? whole));
}

import { expect, test } from 'vitest';

import { en } from '../src/words/en';
import { zh } from '../src/words/zh';

const places = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? '').sort();

test('both languages say the same things', () => {
  expect(Object.keys(zh).sort()).toEqual(Object.keys(en).sort());
  for (const [key, text] of Object.entries(en)) {
    const other = zh[key as keyof typeof en];
    expect(places(other), key).toEqual(places(text));
    expect(other.trim(), key).not.toBe('');
  }
});

test('what has a form for one has a form for many', () => {
  for (const key of Object.keys(en).filter((key) => key.endsWith('.one'))) {
    if (key === 'done.approved.one') continue;
    expect(Object.keys(en)).toContain(key.replace(/one$/, 'other'));
  }
});

test('every message is said somewhere', () => {
  const files = import.meta.glob<string>(['../src/**/*.{ts,svelte}', '!../src/words/*'], { query: '?raw', import: 'default', eager: true });
  const source = Object.values(files).join('\n');
  // Names of codes are looked up by what the server sends.
  const looked = /^(waterfall|chip|finding|severity|evidence|value|alternative|change|driver|due|state|event|exception|lineage|observation|objective|phase|role|segment|unit|code|limit|scope|job|method|replayed|table|field|take\.style)\./;
  const built = [...source.matchAll(/`([\w.]+)\.\$\{/g)].map(([, prefix]) => `${prefix}.`);
  const isSaid = (key: string): boolean => {
    const plural = key.replace(/\.(one|other)$/, '');
    return source.includes(`'${key}'`) || source.includes(`'${plural}'`) || built.some((prefix) => key.startsWith(prefix));
  };
  expect(Object.keys(en).filter((key) => !looked.test(key) && !isSaid(key))).toEqual([]);
});

import { expect, test, vi } from 'vitest';

import { speech } from '../src/lib/language.svelte';
import { said, wish } from '../src/lib/said.svelte';

test('messages of the server are asked for together and once, and stay as told where no other words are known', async () => {
  const bodies: { language: string; messages: string[] }[] = [];
  vi.stubGlobal('fetch', (_path: string, { body }: { body: string }) => {
    const asked = JSON.parse(body) as { language: string; messages: string[] };
    bodies.push(asked);
    const messages = asked.messages.map((message) => (message === 'stock is assumed' ? '库存为假设值' : null));
    return Promise.resolve(new Response(JSON.stringify({ messages })));
  });
  wish('stock is assumed');
  expect(bodies, 'nothing is asked in English').toEqual([]);
  await speech.set('zh');
  for (const message of ['stock is assumed', 'po-7 is late', 'stock is assumed']) wish(message);
  expect(said('stock is assumed'), 'until it is known').toBe('stock is assumed');
  await vi.waitFor(() => expect(said('stock is assumed')).toBe('库存为假设值'));
  expect(said('po-7 is late')).toBe('po-7 is late');
  wish('po-7 is late');
  await Promise.resolve();
  expect(bodies).toEqual([{ language: 'zh-CN', messages: ['stock is assumed', 'po-7 is late'] }]);
  await speech.set('en');
  expect(said('stock is assumed')).toBe('stock is assumed');
});

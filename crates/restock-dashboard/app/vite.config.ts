import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

// `restock serve` listens here unless it is told otherwise.
const server = 'http://localhost:8080';

export default defineConfig({
  plugins: [svelte()],
  build: {
    outDir: '../assets',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2022',
    // What changes seldom keeps its name and its place in the browser's cache.
    rolldownOptions: {
      output: {
        codeSplitting: { groups: [{ name: 'vendor', test: /node_modules/ }] },
      },
    },
  },
  server: { host: 'localhost', proxy: Object.fromEntries(['/v1', '/ready'].map((path) => [path, { target: server, changeOrigin: false }])) },
  test: { include: ['tests/*.test.ts'], setupFiles: ['tests/setup.ts'] },
});

import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

// Few files with fixed names: the program carries each by its name (`src/serve/page.rs`).
export default defineConfig({
  plugins: [svelte()],
  build: {
    modulePreload: false,
    cssCodeSplit: false,
    assetsInlineLimit: 0,
    rollupOptions: {
      input: { page: 'index.html', docs: 'docs.html' },
      output: {
        entryFileNames: '[name].js',
        chunkFileNames: 'shared.js',
        assetFileNames: 'style[extname]',
      },
    },
  },
  server: { proxy: { '/v1': 'http://127.0.0.1:7860', '/openapi.json': 'http://127.0.0.1:7860' } },
});

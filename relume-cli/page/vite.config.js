import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

/** Writes down what was built from what: a test of the program notices a stale page without Node. */
const sources = {
  name: 'sources',
  closeBundle() {
    const below = (folder) => readdirSync(folder).map((name) => `${folder}/${name}`);
    const files = ['index.html', 'docs.html', 'package-lock.json', 'vite.config.js', ...below('public'), ...below('src')];
    const lines = files.sort().map((file) => `${createHash('sha256').update(readFileSync(file)).digest('hex')}  ${file}\n`);
    writeFileSync('dist/sources.sha256', lines.join(''));
  },
};

/** Links of a library to pages of its own: in messages for its users, of no use here. */
const links = {
  name: 'links',
  renderChunk: (code) => code.replace(/https:\/\/(svelte|react|\$\{\w+\})flow\.dev[^"'`\s)]*/g, 'Svelte Flow'),
};

// Few files with fixed names: the program carries each by its name (`src/serve/page.rs`).
export default defineConfig({
  plugins: [svelte(), links, sources],
  build: {
    modulePreload: false,
    cssCodeSplit: false,
    assetsInlineLimit: 0,
    rollupOptions: {
      input: { page: 'index.html', docs: 'docs.html' },
      output: {
        entryFileNames: '[name].js',
        chunkFileNames: (chunk) => (chunk.name === 'Editor' ? 'editor.js' : 'shared.js'),
        assetFileNames: 'style[extname]',
        codeSplitting: { groups: [{ name: 'shared', test: /node_modules\/svelte\/|src\/theme/ }] },
      },
    },
  },
  server: { proxy: { '/v1': 'http://127.0.0.1:7860', '/openapi.json': 'http://127.0.0.1:7860' } },
});

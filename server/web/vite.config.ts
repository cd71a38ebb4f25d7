import { defineConfig } from 'vite';

// `npm run dev` needs a server that answers /v1; the harness under tests/ is one (`node tests/harness/serve.ts`).
const backend = process.env['STELE_PROXY'] ?? 'http://127.0.0.1:7392';

export default defineConfig({
  // Relative, so that the page works below any path prefix.
  base: './',
  build: {
    target: 'es2022',
    // Nothing inlined: the page is served under a Content-Security-Policy without data: or inline code.
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    modulePreload: { polyfill: false },
    sourcemap: false,
  },
  server: { proxy: { '/v1': backend } },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
} as Parameters<typeof defineConfig>[0]);

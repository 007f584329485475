/// <reference types="vitest/config" />
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// `npm run dev` proxies the API to a running `xingcha serve`; the build has no server in it.
const server = process.env['XC_SERVER'] ?? 'http://127.0.0.1:8660';

export default defineConfig({
  plugins: [react()],
  server: { proxy: { '/v1': server, '/admin': server } },
  build: {
    target: 'es2022',
    // The content security policy has no data: for scripts and fonts, so nothing is inlined.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1500,
    rollupOptions: {
      output: {
        manualChunks(id) {
          // The highlighter stays with its dynamic import; it is not needed for the first page.
          if (/\/node_modules\/(highlight\.js|lowlight|devlop)\//.test(id)) return undefined;
          return id.includes('/node_modules/') ? 'vendor' : undefined;
        },
      },
    },
  },
  test: {
    environment: 'node',
    include: ['src/**/*.test.ts'],
    setupFiles: ['./vitest.setup.ts'],
  },
});

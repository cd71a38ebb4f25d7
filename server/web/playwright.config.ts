import { defineConfig } from '@playwright/test';

export default defineConfig({
  testDir: './tests',
  testMatch: '**/*.spec.ts',
  // Pictures first, while the log holds nothing that a test put there to be strange.
  projects: [
    { name: 'pictures', testMatch: '**/screens.spec.ts' },
    { name: 'page', testIgnore: '**/screens.spec.ts' },
  ],
  globalSetup: './tests/harness/setup.ts',
  outputDir: './tests/results',
  // One log for all tests, and two processors: one after the other.
  workers: 1,
  fullyParallel: false,
  // Ends of what hangs, not bounds of speed: a slow or busy machine is no fault of the page.
  timeout: 120_000,
  expect: { timeout: 30_000 },
  reporter: [['list']],
  use: {
    viewport: { width: 1440, height: 900 },
    timezoneId: 'Europe/Berlin',
    locale: 'en-GB',
    permissions: ['clipboard-read', 'clipboard-write'],
    actionTimeout: 30_000,
    navigationTimeout: 60_000,
    launchOptions: {
      executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
});
